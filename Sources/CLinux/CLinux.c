/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Most of CLinux is in headers; this file lets the compiler check them on their own. */
#include "CLinux.h"
