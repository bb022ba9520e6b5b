// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

func measureLeaves(_ options: Options) throws -> Report { Report() }
func measureFloor(_ options: Options) throws -> Report { Report() }
