/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * What Swift's Glibc module hides, in the shape that Swift can use.
 *
 * Rules: every function returns a value >= 0, or -errno; none allocates; none touches errno's old value. Structures with
 * unions or pointers stay on this side, so that LinuxSystem deals in integers and plain buffers. */
#ifndef ETHERLOOM_CLINUX_H
#define ETHERLOOM_CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

#include "clinux_confine.h"
#include "clinux_files.h"
#include "clinux_getopt.h"
#include "clinux_guest.h"
#include "clinux_holder.h"
#include "clinux_internet.h"
#include "clinux_io.h"
#include "clinux_kvm.h"
#include "clinux_namespace.h"
#include "clinux_netlink.h"
#include "clinux_packet.h"
#include "clinux_relay.h"
#include "clinux_roots.h"
#include "clinux_segments.h"
#include "clinux_socket.h"
#include "clinux_spawn.h"
#include "clinux_stream.h"
#include "clinux_tap.h"
#include "clinux_terminal.h"
#include "clinux_udp.h"

#endif
