// Writers that append records to one file, in this process or in processes of their own, for cluster_bench.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "client_cli/client/blocking.h"

namespace gfs::bench {

struct AppendLoad {
  std::string master;
  std::string path;
  unsigned writers = 1;     // each with an appender of its own
  unsigned in_flight = 1;   // records of one writer under way at a time
  std::uint64_t size = 0;   // of a record
  std::uint64_t count = 0;  // records of all writers
};

// All of it. Ends the program with a message if anything fails.
void run_appends(client::Blocking& client, const AppendLoad& load);

// The load in a process of its own: this very program, started as `append-writer`. It connects and appends one record,
// then waits to be told to go.
class AppendProcess {
 public:
  explicit AppendProcess(const AppendLoad& load);
  AppendProcess(const AppendProcess&) = delete;
  AppendProcess& operator=(const AppendProcess&) = delete;
  ~AppendProcess();

  void wait();  // until it says so: first that it is ready, then that it is done
  void go();
  double cpu() const;  // seconds so far

 private:
  pid_t process_ = -1;
  int to_ = -1;
  int from_ = -1;
};

// What main() does with `append-writer ...`.
int append_writer(int count, char** arguments);

}  // namespace gfs::bench
