// Real gfs daemons for the benchmarks: started on free loopback ports in a temporary directory, their CPU and memory
// read from /proc, ended by their process ids when the object goes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gfs::bench {

// User and system seconds a live process has used so far.
double cpu_seconds(pid_t process);
// Of this process, all threads.
double own_cpu_seconds();
// Of the children this process has waited for.
double children_cpu_seconds();
// Starts a new high-water mark; then gives it (bytes).
void reset_peak_memory(pid_t process);
std::uint64_t peak_memory(pid_t process);
std::uint64_t resident_memory(pid_t process);

class Processes {
 public:
  // Starts 1 master and `chunkservers` chunkservers from `binaries`, and waits until the servers are up.
  Processes(std::string binaries, unsigned chunkservers, const std::string& directory);
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  const std::string& master_address() const { return address_; }
  pid_t master() const { return daemons_.front(); }
  const std::vector<pid_t>& daemons() const { return daemons_; }  // the master first
  double cpu() const;                                             // of all of them

 private:
  pid_t start(std::vector<std::string> arguments, const std::string& log);

  std::string binaries_;
  std::string root_;
  std::string address_;
  std::vector<pid_t> daemons_;
};

}  // namespace gfs::bench
