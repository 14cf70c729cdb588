// RecentLog: the last entries of the log, in memory, for those who follow it; and who waits for the next one.
//
// Only what is durable and applied gets here. Bounded in bytes: whoever is further behind reads the files.
//
// Owned by Master; lives on its loop.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "base/executor.h"
#include "base/task.h"

namespace gfs::master {

class RecentLog {
 public:
  struct Settings {
    std::size_t bytes_max = 8 << 20;  // what entries cost in memory
  };

  RecentLog(Executor& executor, Settings settings) : executor_(executor), settings_(settings) {}

  // The log has entries up to `last`, none of them is here. Once, before add().
  void begin_behind(std::uint64_t last) { last_ = last; }
  // The next one. An empty one is a mark.
  void add(std::uint64_t index, std::string op);

  std::uint64_t last() const { return last_; }
  bool has(std::uint64_t index) const { return index <= last_ && index + entries_.size() > last_; }
  const std::string& at(std::uint64_t index) const;  // which it has

  // Until there is one behind `after`, or so much time is over.
  Task<> wait(std::uint64_t after, Duration at_most);
  std::size_t waiting() const { return waiting_.size(); }

 private:
  // A place among those who wait, as long as the waiting task lives.
  struct Place {
    RecentLog& log;
    std::uint64_t number = 0;
    TimerId timer = 0;
    ~Place();
  };

  Executor& executor_;
  const Settings settings_;
  std::uint64_t last_ = 0;
  std::deque<std::string> entries_;  // the last of them is `last_`
  std::size_t bytes_ = 0;
  std::uint64_t last_place_ = 0;
  std::map<std::uint64_t, Promise<void>> waiting_;
};

}  // namespace gfs::master
