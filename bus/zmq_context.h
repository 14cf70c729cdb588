// The process's one ZeroMQ context, and what main() sets up before it exists.
//
// There is one context because closing one of several can crash the others (libzmq #4242). It is made on first use and
// never terminated: terminating waits for every socket, and the end of the process does the same for free.
#pragma once

#include <string>

namespace gfs::bus {

// For main(), before any thread starts. ZeroMQ allocates every frame in its I/O thread and we free it in ours: with
// glibc's default trimming that costs page faults for each 1 MiB fragment (half of the throughput, measured).
void tune_memory();

// For main(). Raises the soft limit of open descriptors to `wanted` or the hard limit, whichever is less: at the limit
// libzmq's I/O thread spins instead of waiting. Gives the limit that holds now.
unsigned long raise_descriptor_limit(unsigned long wanted = 65536);

// The context; safe on every thread.
void* zmq_context();

// A name for one socket monitor, never used before in this process.
std::string next_monitor_address();

}  // namespace gfs::bus
