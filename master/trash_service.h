// TrashService: what was removed: listed, given back, taken apart when its time is over.
//
// Taken apart in entries of the log of at most kPerOp names or chunks each, a bounded number of them per tick, so that
// a tree of any size costs nobody else a pause. Above `items_max` what would go next goes before its time: the trash is
// not allowed to fill the master's memory. Nothing goes while it is in doubt whether this log is the newest.
//
// Owned by Master; lives on its loop.
#pragma once

#include <functional>
#include <string>

#include "base/task_group.h"
#include "bus/endpoint.h"
#include "bus/messages/client_trash.h"
#include "master/journal.h"

namespace gfs::master {

class TrashService {
 public:
  struct Settings {
    std::uint64_t items_max = 1'000'000;
  };
  static constexpr std::uint32_t kPerOp = 1000;
  static constexpr int kOpsPerTick = 64;
  static constexpr Duration kTick = 1s;

  // `held_back`: why nothing may go at the moment; empty: it may.
  TrashService(const MasterState& state, Journal& journal, std::function<std::string()> held_back, Settings settings)
      : state_(state), journal_(journal), held_back_(std::move(held_back)), settings_(settings) {}

  void serve(bus::Endpoint& endpoint);
  // For ever.
  Task<> run();

  Task<bus::ListTrash::Reply> list(bus::ListTrash ask, bus::Caller caller);
  Task<bus::FileInfo> restore(bus::RestoreTrash ask, bus::Caller caller);
  Task<bus::PurgeTrash::Reply> purge(bus::PurgeTrash ask, bus::Caller caller);

 private:
  Task<> take_apart();

  const MasterState& state_;
  Journal& journal_;
  const std::function<std::string()> held_back_;
  const Settings settings_;
  bus::Endpoint* endpoint_ = nullptr;
};

}  // namespace gfs::master
