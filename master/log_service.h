// LogService: shows the log of this master to people, while it is written: which files there are, and what they say.
//
// A question costs a bounded part of memory and of the disk's time; so many may read older parts at once, others are
// overloaded.
//
// Owned by Master; lives on its loop. Only reads.
#pragma once

#include <memory>

#include "base/disk.h"
#include "bus/endpoint.h"
#include "bus/messages/client_log.h"
#include "master/log_entries.h"
#include "master/log_store.h"

namespace gfs::master {

class LogService {
 public:
  LogService(Disk& disk, const LogStore& log, const RecentLog& recent, LogEntries& entries)
      : disk_(disk), log_(log), recent_(recent), entries_(entries) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::ViewLog::Reply> view(bus::ViewLog ask, bus::Caller caller);
  Task<bus::ReadLog::Reply> read(bus::ReadLog ask, bus::Caller caller);

 private:
  Instant now() const { return endpoint_->executor().now(); }
  // not_found: it was removed.
  Task<bus::ViewLog::Segment> view_segment(LogStore::Segment segment);
  Task<std::vector<bus::ViewLog::CheckpointFile>> view_checkpoints();

  // Set once.
  Disk& disk_;
  const LogStore& log_;
  const RecentLog& recent_;
  LogEntries& entries_;
  bus::Endpoint* endpoint_ = nullptr;

  // State.
  EntryReaders readers_{4};
};

}  // namespace gfs::master
