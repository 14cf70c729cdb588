// Ctrl-C: a flag that a signal handler sets and long work looks at.
//
// Signals arrive on the program's first thread only (Session starts the others with SIGINT blocked), so a blocking read
// there ends with EINTR.
#pragma once

namespace gfs::cli {

// For main(): SIGINT sets the flag; a second one before it is cleared ends the process with 130, unless a shell runs.
void catch_interrupts();
void ignore_second_interrupt(bool ignore);

bool interrupted();
void set_interrupted(bool value);

}  // namespace gfs::cli
