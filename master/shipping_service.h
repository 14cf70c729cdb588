// ShippingService: gives the log, and the checkpoint before it, to those who follow this master (shadows).
//
// What the log does not reach back to any more begins with a checkpoint. Nothing is told that is not durable and
// applied.
//
// A shadow costs the master a bounded piece of memory and disk for each of its questions, and nothing when it asks
// none: so many shadows, so many questions kept. Over that it is overloaded.
//
// Owned by Master; lives on its loop.
#pragma once

#include <memory>

#include "bus/endpoint.h"
#include "bus/messages/shadow_master.h"
#include "master/checkpointer.h"
#include "master/log_entries.h"
#include "master/recent_log.h"

namespace gfs::master {

class ShippingService {
 public:
  struct Settings {
    std::uint64_t epoch = 1;
    std::size_t shadows_max = 8;
  };

  ShippingService(const LogStore& log, RecentLog& recent, LogEntries& entries, const Checkpointer& checkpointer,
                  CheckpointStore& checkpoints, Settings settings)
      : log_(log),
        recent_(recent),
        entries_(entries),
        checkpointer_(checkpointer),
        checkpoints_(checkpoints),
        settings_(settings),
        shadows_(settings.shadows_max) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::ShipLog::Reply> ship(bus::ShipLog ask, bus::Caller caller);
  Task<bus::FetchCheckpoint::Reply> fetch(bus::FetchCheckpoint ask, bus::Caller caller);

  // That asked within the last ten seconds.
  std::size_t shadows() const { return shadows_.count(now()); }

 private:
  Instant now() const { return endpoint_->executor().now(); }
  // overloaded: there are too many of them.
  Result<std::shared_ptr<EntryReader>> admit(const bus::Caller& caller);
  // Whether the entry `after` is the one that the sender has, as far as that is still known here.
  Task<bool> is_same(bus::ShipLog ask, std::shared_ptr<EntryReader> shadow);

  // Set once.
  const LogStore& log_;
  RecentLog& recent_;
  LogEntries& entries_;
  const Checkpointer& checkpointer_;
  CheckpointStore& checkpoints_;
  const Settings settings_;
  bus::Endpoint* endpoint_ = nullptr;

  // State.
  EntryReaders shadows_;
};

}  // namespace gfs::master
