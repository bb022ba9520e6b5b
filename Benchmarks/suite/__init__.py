# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""What Etherloom is measured with and against. One module is one benchmark, the others are what they share."""
