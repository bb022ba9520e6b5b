// swift-tools-version: 6.2
// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Settings of every Swift target of ours.
let settings: [SwiftSetting] = [
    // Language mode 6: data races are compile errors.
    .swiftLanguageMode(.v6),
    // Every use of an unsafe construct must be spelled `unsafe`, or the build fails (SE-0458).
    .strictMemorySafety(),
    .treatWarning("StrictMemorySafety", as: .error),
    // `~Escapable` views over spans need explicit lifetimes; swift-nio and swift-collections rely on it too.
    .enableExperimentalFeature("Lifetimes"),
    // `any` is written where dynamic dispatch happens (SE-0335), so that it is seen.
    .enableUpcomingFeature("ExistentialAny"),
    // Members come only from modules that the file imports (SE-0444).
    .enableUpcomingFeature("MemberImportVisibility"),
    // Imports do not leak into a module's interface unless said so (SE-0409).
    .enableUpcomingFeature("InternalImportsByDefault"),
    // The frame path crosses module borders (Wire, Dataplane, Endpoints, Runtime): let the optimiser follow it.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    // CLinux needs _GNU_SOURCE; Glibc's headers must be seen the same way by every module, or their types differ.
    .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
]

/// Tests may use Foundation and unsafe code freely; they are never shipped.
let testSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableExperimentalFeature("Lifetimes"),
    .enableUpcomingFeature("ExistentialAny"),
    .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
]

let package = Package(
    name: "etherloom",
    products: [
        .executable(name: "etherloom", targets: ["etherloom"]),
        // What needs libraries: found and run by the first, as git runs its own.
        .executable(name: "etherloom-lab", targets: ["etherloom-lab"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // The encrypted tunnel's key agreement, cipher and hash; used by TunnelCrypto alone.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // HTTP, and sockets for it: what etherloom-lab serves; used by ControlAPI and LabCommands alone.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        // Lab files; used by LabFile alone.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // The only C: what Swift's Glibc module hides.
        .target(name: "CLinux"),
        .target(name: "LinuxSystem", dependencies: ["CLinux"], swiftSettings: settings),
        // Sans-IO: bytes and `now` in, bytes and the next deadline out.
        .target(name: "Wire", swiftSettings: settings),
        .target(name: "PacketFilter", dependencies: ["Wire"], swiftSettings: settings),
        .target(name: "Dataplane", dependencies: ["Wire", "PacketFilter"], swiftSettings: settings),
        .target(name: "Gateway", dependencies: ["Wire", "Dataplane"], swiftSettings: settings),
        // The tunnel's handshake and sealing, and hashes, sans-IO: the only user of swift-crypto.
        .target(
            name: "TunnelCrypto",
            dependencies: [.product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings
        ),
        // Where frames meet the kernel.
        .target(
            name: "Endpoints",
            dependencies: ["LinuxSystem", "Wire", "Dataplane", "Gateway", "TunnelCrypto"],
            swiftSettings: settings
        ),
        .target(
            name: "Runtime",
            dependencies: ["LinuxSystem", "Wire", "PacketFilter", "Dataplane", "Endpoints", "Gateway", "TunnelCrypto"],
            swiftSettings: settings
        ),
        .target(
            name: "Console",
            dependencies: ["LinuxSystem", "Wire", "PacketFilter", "Dataplane", "Endpoints", "Runtime"],
            swiftSettings: settings
        ),
        .target(
            name: "Attach",
            dependencies: ["LinuxSystem", "Wire", "Dataplane", "Endpoints"],
            swiftSettings: settings
        ),
        .target(
            name: "ElementCommands",
            dependencies: [
                "LinuxSystem", "Wire", "PacketFilter", "Dataplane", "Endpoints", "Gateway", "Runtime", "Console",
                "Attach", "TunnelCrypto", "Model", "Guests",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(name: "etherloom", dependencies: ["ElementCommands"], swiftSettings: settings),
        // What a lab is.
        .target(name: "Model", dependencies: ["Wire"], swiftSettings: settings),
        // Its file.
        .target(
            name: "LabFile",
            dependencies: ["Model", "Wire", "Dataplane", .product(name: "Yams", package: "Yams")],
            swiftSettings: settings
        ),
        // The keeper of a running lab, and the guests that it is the parent of.
        .target(
            name: "Guests",
            dependencies: ["LinuxSystem", "Wire", "Attach", "Model"],
            swiftSettings: settings
        ),
        // What is wanted of the labs of a user, and how it comes about: a client of their keepers. No sockets that others
        // connect to.
        .target(
            name: "ControlService",
            dependencies: ["LinuxSystem", "Wire", "Model", "LabFile", "Guests"],
            swiftSettings: settings
        ),
        // Their requests over HTTP, served …
        .target(
            name: "ControlAPI",
            dependencies: [
                "Model", "LabFile", "ControlService",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        // … and sent: small, so that verbs begin at once.
        .target(name: "ControlClient", dependencies: ["LinuxSystem", "Model", "Guests"], swiftSettings: settings),
        // What needs libraries: a program of its own beside the small one, which runs it (see Lab/LabProgram.swift).
        .target(
            name: "LabCommands",
            dependencies: [
                "LinuxSystem", "Wire", "Model", "LabFile", "Guests", "Console", "ControlService", "ControlAPI",
                "ControlClient", "TunnelCrypto",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(name: "etherloom-lab", dependencies: ["LabCommands"], swiftSettings: settings),
        // Measuring tools (`make bench`); not installed.
        .executableTarget(
            name: "swbench",
            dependencies: ["CLinux", "LinuxSystem", "Wire", "PacketFilter", "Dataplane"],
            path: "Benchmarks/swbench",
            swiftSettings: settings
        ),
        .target(
            name: "TestSupport",
            dependencies: ["LinuxSystem", "Wire", "Dataplane", "Gateway"],
            swiftSettings: testSettings
        ),
        // Apart from TestSupport, which fuzz targets have too: it needs Swift Testing.
        .target(name: "TestTraits", path: "Tests/TestTraits", swiftSettings: testSettings),
        .testTarget(name: "WireTests", dependencies: ["Wire", "TestSupport"], swiftSettings: testSettings),
        .testTarget(
            name: "LinuxSystemTests",
            dependencies: ["LinuxSystem", "TestTraits"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "DataplaneTests",
            dependencies: ["Wire", "PacketFilter", "Dataplane", "TestSupport", "TestTraits"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "PacketFilterTests",
            dependencies: ["Wire", "PacketFilter", "TestSupport"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "GatewayTests",
            dependencies: ["Wire", "Dataplane", "Gateway", "TestSupport"],
            swiftSettings: testSettings
        ),
        .testTarget(name: "TunnelCryptoTests", dependencies: ["TunnelCrypto"], swiftSettings: testSettings),
        .testTarget(
            name: "EndpointsTests",
            dependencies: [
                "LinuxSystem", "Wire", "Dataplane", "Endpoints", "Gateway", "TestSupport", "TunnelCrypto", "TestTraits",
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "RuntimeTests",
            dependencies: [
                "LinuxSystem", "Wire", "PacketFilter", "Dataplane", "Endpoints", "Runtime", "TestSupport", "TestTraits",
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ConsoleTests",
            dependencies: [
                "LinuxSystem", "Wire", "Dataplane", "Endpoints", "Runtime", "Console", "TestSupport", "TestTraits",
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "AttachTests",
            dependencies: ["LinuxSystem", "Wire", "Endpoints", "Attach", "TestSupport", "TestTraits"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ElementCommandsTests",
            dependencies: ["LinuxSystem", "Wire", "Endpoints", "Gateway", "Runtime", "ElementCommands", "TestSupport"],
            swiftSettings: testSettings
        ),
        .testTarget(name: "ModelTests", dependencies: ["Model", "LabFile", "Wire"], swiftSettings: testSettings),
        .testTarget(
            name: "GuestsTests",
            dependencies: ["LinuxSystem", "Wire", "Guests", "Model", "TestSupport", "TestTraits"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ControlServiceTests",
            dependencies: [
                "LinuxSystem", "Wire", "Model", "LabFile", "Guests", "ControlService", "TestSupport", "TestTraits",
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "ControlAPITests",
            dependencies: [
                "Model", "ControlService", "ControlAPI", .product(name: "Hummingbird", package: "hummingbird"),
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "LabCommandsTests",
            dependencies: [
                "LabCommands",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: testSettings
        ),
        // Whole programs of ours against programs that we did not write, in namespaces made by the tests.
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["TestSupport", "Guests", "LinuxSystem", "Model", "Wire", "TestTraits"],
            exclude: ["Programs", "Console/Sessions"],
            swiftSettings: testSettings
        ),
    ]
)

// A quick look at some modules: ETHERLOOM_TESTS=Wire,Dataplane builds only WireTests and DataplaneTests beside the sources.
if let wanted = Context.environment["ETHERLOOM_TESTS"], !wanted.isEmpty {
    let names = wanted.split(separator: ",").map { "\($0)Tests" }
    package.targets.removeAll { $0.type == .test && !names.contains($0.name) }
}

// etherloom-lab's libraries take minutes to build. A build by hand leaves it out unless ETHERLOOM_LAB=1 is given, as make does.
if Context.environment["ETHERLOOM_LAB"] != "1" {
    let names = ["etherloom-lab", "LabCommands", "LabCommandsTests", "ControlAPI", "ControlAPITests"]
    package.products.removeAll { $0.name == "etherloom-lab" }
    package.targets.removeAll { names.contains($0.name) }
    package.dependencies.removeAll {
        if case .sourceControl(_, let location, _) = $0.kind {
            return ["/hummingbird", "/swift-nio", "/swift-log"].contains { location.hasSuffix($0) }
        }
        return false
    }
}

// `make fuzz` builds with ETHERLOOM_FUZZ=1 into a directory of its own: our modules get libFuzzer's coverage counters
// and AddressSanitizer, and each target below Fuzz/ becomes an archive that Scripts/fuzz links with libFuzzer's main.
// `make check` compiles the targets without that: they have to follow the modules that they test.
let isFuzzed = Context.environment["ETHERLOOM_FUZZ"] == "1"
if isFuzzed || Context.environment["ETHERLOOM_STRICT"] == "1" {
    let targets: [(name: String, dependencies: [String])] = [
        ("Frames", ["TestSupport"]),
        ("Bridging", ["Dataplane", "Wire"]),
        ("DHCP", ["TestSupport"]),
        ("DNS", ["TestSupport"]),
        ("Gateway", ["TestSupport"]),
        ("VDERequest", ["Endpoints"]),
        ("TunnelPacket", ["TunnelCrypto"]),
        ("TunnelMessage", ["Dataplane", "Endpoints"]),
        ("UMLConfig", ["ElementCommands"]),
        ("AgentMessage", ["Guests"]),
        ("AttachMessage", ["Endpoints"]),
        ("PacketFilter", ["PacketFilter"]),
        ("CaptureFile", ["Wire"]),
        ("CaptureRequest", ["Endpoints", "PacketFilter"]),
        ("ConsoleLine", ["Console", "LinuxSystem", "Runtime"]),
        ("FabricWords", ["LinuxSystem", "Runtime"]),
        ("MonitorJSON", ["Guests"]),
        ("NetworkURL", ["LinuxSystem", "Runtime"]),
        ("Overlay", ["Endpoints", "LinuxSystem", "Wire"]),
        ("StreamFraming", ["Dataplane", "Endpoints", "LinuxSystem"]),
        ("VhostMessage", ["Endpoints", "LinuxSystem"]),
        ("VhostRing", ["Dataplane", "Endpoints", "LinuxSystem", "Wire"]),
        ("WireConsole", ["Console", "LinuxSystem", "Runtime"]),
    ]
    for (name, dependencies) in targets {
        package.targets.append(
            .target(
                name: "Fuzz\(name)",
                dependencies: dependencies.map { .byName(name: $0) },
                path: "Fuzz/\(name)",
                exclude: ["Corpus"],
                swiftSettings: settings
            )
        )
    }
    if isFuzzed {
        package.products += targets.map { .library(name: "Fuzz\($0.name)", type: .static, targets: ["Fuzz\($0.name)"]) }
        for target in package.targets where target.type == .regular {
            target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=fuzzer,address"])]
        }
    }
}

// `make check` and `make test` build with ETHERLOOM_STRICT=1: a warning in our own targets is an error then. Not by
// default, so that a newer compiler with new warnings still builds the program. Not in tests, where Swift Testing's macros
// expand to code that warns without a place ("will never be executed").
if Context.environment["ETHERLOOM_STRICT"] == "1" {
    for target in package.targets where target.type != .test {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
        target.cSettings = (target.cSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}
