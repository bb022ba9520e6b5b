/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * CLinux is header-only; this file lets the compiler check the headers on their own. */
#include "CLinux.h"
