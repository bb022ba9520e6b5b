// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension LabService {
    /// A lab that is to run.
    public struct UpRequest: Sendable, Equatable {
        /// The lab's directory, absolute.
        public var directory: String
        /// Its file, and what messages call that.
        public var file: String
        public var fileName: String
        /// The name of a lab whose file gives none.
        public var labName: String
        public var environment: [String: String] = [:]
        public var options = ConvergeOptions()
        /// Answers when all is ready, or only when all has begun.
        public var waits = true
        public var milliseconds: UInt64?

        public init(directory: String, file: String, fileName: String, labName: String) {
            self.directory = directory
            self.file = file
            self.fileName = fileName
            self.labName = labName
        }
    }

    /// What came of it.
    public struct UpAnswer: Sendable {
        public var lab: String
        public var lines: [String]
    }
}
