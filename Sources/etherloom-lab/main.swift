// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LabCommands

exit(EtherloomLab.run(CommandLine.arguments))
