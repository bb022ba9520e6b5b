// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Runtime

/// A wire in the words of wirefilter's `showinfo` and `showedges`.
enum WireReport {
    static func lines(_ wire: ImpairedWire, state: Int) -> [String] {
        let right = wire.settings(state, .leftToRight)
        let left = wire.settings(state, .rightToLeft)
        let (waitingRight, waitingLeft) = (wire.status(.leftToRight), wire.status(.rightToLeft))
        func line(_ title: String, _ key: ImpairmentKey) -> String {
            "\(alignedLeft(title, 6)) L->R \(value(right[key]))   R->L \(value(left[key]))"
        }
        var lines = ["WireFilter: bidirectional"]
        if wire.chain.count > 1 {
            lines.append(
                "Node \(state) \"\(wire.chain.names[state])\" (0,..,\(wire.chain.count - 1))"
                    + " Markov-time \(generalNumber(wire.stepMilliseconds))"
            )
        }
        lines += [
            line("Loss", .loss), line("Lburst", .lossBurst), line("Delay", .delay), line("Dup", .duplicate),
            line("Bandw", .bandwidth), line("Speed", .speed), line("Noise", .noise),
            "MTU    L->R \(generalNumber(right.maximumFrame.value))     R->L \(generalNumber(left.maximumFrame.value))   ",
            line("Cap.", .buffer),
        ]
        // Not there in the original: shown when it is in use.
        for (title, key) in [("Reord.", ImpairmentKey.reorder), ("Corr.", .corrupt)]
        where !right[key].isZero || !left[key].isZero { lines.append(line(title, key)) }
        return lines + [
            "Current Delay Queue size:   L->R \(waitingRight.byteCount)      R->L \(waitingLeft.byteCount)   ",
            "Fifoness \(wire.isOrdered ? "TRUE" : "FALSE")",
            "Waiting packets in delay queues \(waitingRight.frameCount + waitingLeft.frameCount)",
        ]
    }

    private static func value(_ value: ImpairmentValue) -> String {
        "\(generalNumber(value.value))+\(generalNumber(value.spread))\(value.distribution == .normal ? "N" : "U")"
    }

    static func edges(_ wire: ImpairedWire, state: Int) -> [String] {
        let chain = wire.chain
        return (0..<chain.count).filter { chain.weight(from: state, to: $0) != 0 }.map { to in
            "Edge \(alignedLeft("\(state)", 2))->\(alignedLeft("\(to)", 2)) \"\(chain.names[state])\"->\"\(chain.names[to])\""
                + " weigth \(generalNumber(chain.weight(from: state, to: to)))"
        }
    }
}
