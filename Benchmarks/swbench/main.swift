// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

// Theory of Operation
//
// swbench measures; it judges nothing. Each subcommand does one measurement and prints one JSON object on one line, which
// `Benchmarks/run` collects, compares with the peers' and prints as a table.
//
//      gen     frames through a switch: rate, loss, processor time of the switch for each frame, round trips
//      trunk   frames through a switch between two stream ports
//      hold    ports that are attached and silent, until standard input ends
//      delay   how late frames are that a wire delays
//      churn   a port that many stations speak from, until standard input ends
//      relay   the least that a switch of VDE's protocol can be: two clients, and a loop of recv and send
//      micro   leaves of the data plane in this process: table, checksum, segmentation, classification
//      floor   what the kernel takes for the operations that nobody can avoid
//
// `gen` speaks the VDE protocol as libvdeplug does, so that any switch of that protocol can be measured with it.

let usage = """
    usage: swbench gen --sock DIR [--size N] [--seconds N | --count N] [--rate N] [--idle N] [--pid N]
                       [--batch N] [--one-thread] [--window N] [--pingpong [--think MICROSECONDS]]
                       [--warmup SECONDS] [--cpu N]
           swbench gen --sock DIR,DIR …    from one switch to another that is joined with it
           swbench gen --direct …          a socket pair and no switch
           swbench gen --packet IF1,IF2 …  raw sockets on two interfaces
           swbench gen --packet IF1 --sock DIR --super [--count N] [--window N]
                       super-frames of 64 KiB; with --packet IF1,IF2 the sink is an interface too
           swbench trunk --connect PATH,PATH [--size N] [--seconds N] [--batch N] [--pid N] [--warmup SECONDS] [--cpu N]
           swbench vhost --connect PATH,PATH [--size N] [--seconds N | --count N] [--batch N] [--pid N]
                         [--warmup SECONDS] [--cpu N]
           swbench delay --connect PATH,PATH | --sock DIR,DIR [--delay MILLISECONDS] [--rate N] [--size N] [--seconds N]
                         [--pid N] [--warmup SECONDS] [--cpu N]
           swbench hold --sock DIR --ports N
           swbench churn --sock DIR [--addresses N] [--rate N]
           swbench relay --sock DIR
           swbench micro
           swbench floor
    """

do {
    var words = CommandLine.arguments.dropFirst()
    let report: Report?
    switch words.popFirst() {
    case "gen": report = try generate(Options(words, flags: Generator.flags, names: Generator.names))
    case "trunk": report = try measureTrunk(Options(words, flags: [], names: Trunk.names))
    case "vhost": report = try measureVhost(Options(words, flags: [], names: VhostRate.names))
    case "delay": report = try measureDelay(Options(words, flags: [], names: DelayProbe.names))
    case "hold": report = try hold(Options(words, flags: [], names: ["sock", "ports"]))
    case "churn": report = try churn(Options(words, flags: [], names: ["sock", "addresses", "rate"]))
    case "relay": report = try relay(Options(words, flags: [], names: ["sock"]))
    case "micro": report = try measureLeaves(Options(words, flags: [], names: ["rounds"]))
    case "floor": report = try measureFloor(Options(words, flags: [], names: ["rounds"]))
    case "help", "--help", "-h":
        print(usage)
        exit(0)
    default: throw Failure("no such measurement\n\(usage)", status: 64)
    }
    if let report { print(report.line) }
} catch {
    let failure = error as? Failure ?? Failure("\(error)")
    let line = Array("swbench: \(failure.message)\n".utf8)
    _ = unsafe write(2, line, line.count)
    exit(failure.status)
}
