// ShippingService: gives the log, and the checkpoint before it, to those who follow this master (shadows).
//
// Recent entries come from memory, older ones from the segment files, a piece at a time; what the log does not reach
// back to any more begins with a checkpoint. Nothing is told that is not durable and applied.
//
// A shadow costs the master a bounded piece of memory and disk for each of its questions, and nothing when it asks
// none: so many shadows, so many questions kept, so many pieces read from disk at once. Over that it is overloaded.
//
// Owned by Master; lives on its loop.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/disk.h"
#include "bus/endpoint.h"
#include "bus/messages/shadow_master.h"
#include "master/checkpointer.h"
#include "master/recent_log.h"
#include "master/segment_cursor.h"

namespace gfs::master {

class ShippingService {
 public:
  struct Settings {
    std::uint64_t epoch = 1;
    std::size_t shadows_max = 8;
    std::size_t reads_max = 2;  // from disk, at once, of all shadows together
  };

  ShippingService(Disk& disk, const LogStore& log, RecentLog& recent, const Checkpointer& checkpointer,
                  CheckpointStore& checkpoints, Settings settings)
      : disk_(disk),
        log_(log),
        recent_(recent),
        checkpointer_(checkpointer),
        checkpoints_(checkpoints),
        settings_(settings) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::ShipLog::Reply> ship(bus::ShipLog ask, bus::Caller caller);
  Task<bus::FetchCheckpoint::Reply> fetch(bus::FetchCheckpoint ask, bus::Caller caller);

  // That asked within the last ten seconds.
  std::size_t shadows() const;

 private:
  struct Shadow {
    Instant heard{};
    bool checked = false;                 // its log is this one: it was compared once on this connection
    std::optional<SegmentCursor> cursor;  // where it will read on in the files
  };
  // One of the reads from disk.
  class Reading {
   public:
    explicit Reading(std::size_t& count) : count_(count) { ++count_; }
    Reading(const Reading&) = delete;
    ~Reading() { --count_; }

   private:
    std::size_t& count_;
  };

  Instant now() const { return endpoint_->executor().now(); }
  // overloaded: there are too many of them.
  Result<> admit(const std::string& route);
  Result<> check_reads() const;
  // Whether the entry `after` is the one that the sender has, as far as that is still known here.
  Task<bool> is_same(bus::ShipLog ask, std::string route);
  void tell_recent(bus::ShipLog::Reply& reply, const bus::ShipLog& ask) const;
  Task<bus::ShipLog::Reply> tell_older(bus::ShipLog::Reply reply, bus::ShipLog ask, std::string route);
  // Before entry `index`, which the log still has.
  Task<SegmentCursor> cursor_at(std::uint64_t index, std::string route);

  // Set once.
  Disk& disk_;
  const LogStore& log_;
  RecentLog& recent_;
  const Checkpointer& checkpointer_;
  CheckpointStore& checkpoints_;
  const Settings settings_;
  bus::Endpoint* endpoint_ = nullptr;

  // State.
  std::map<std::string, Shadow> shadows_;  // by route
  std::size_t reads_ = 0;
};

}  // namespace gfs::master
