# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Open vSwitch as a peer: its forwarder in user space, with segmentation offload between taps."""

import contextlib
import os
import shutil

from . import lab

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


@contextlib.contextmanager
def switch(*interfaces: str, taps: bool):
    """A bridge of Open vSwitch's user-space data path: the process that forwards.

    Its ports are taps that it makes, or interfaces that exist already, which it reads by packet sockets."""
    for program in ("ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl"):
        if shutil.which(program) is None:
            raise lab.Impossible(f"{program} is missing; package openvswitch-switch")
    directory = lab.fresh_directory("ovs")
    os.mkdir(directory)
    for variable in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR"):
        os.environ[variable] = directory
    socket = f"{directory}/db.sock"
    lab.shell(f"ovsdb-tool create {directory}/conf.db {SCHEMA}")
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(
            lab.running(["ovsdb-server", f"{directory}/conf.db", f"--remote=punix:{socket}", "--no-chdir"]))
        lab.until(lambda: os.path.exists(socket), "ovsdb-server", process=database)
        control = f"ovs-vsctl --db=unix:{socket} --timeout=10"
        lab.shell(f"{control} --no-wait init",
                  f"{control} --no-wait set Open_vSwitch . other_config:userspace-tso-enable=true")
        process = stack.enter_context(lab.running(["ovs-vswitchd", f"unix:{socket}", "--no-chdir"]))
        lab.shell(f"{control} add-br ovs0 -- set bridge ovs0 datapath_type=netdev")
        kind = "tap" if taps else "system"
        for interface in interfaces:
            lab.shell(f"{control} add-port ovs0 {interface} -- set interface {interface} type={kind}")
        yield process
