// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ElementCommands
import Glibc

exit(Etherloom.run(CommandLine.arguments))
