// InprocRegistry: which inproc:// names are bound in this process, and who wants to know when one goes.
//
// ZeroMQ accepts a connection to an inproc name that nobody has bound and keeps messages for whoever binds it later;
// and it tells nobody when the other side has gone. The bus promises both, so it keeps its own list.
//
// One per process; safe on every thread. An observer is told on its own executor.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>

#include "base/executor.h"
#include "bus/bus.h"

namespace gfs::bus {

class InprocRegistry {
 public:
  static InprocRegistry& instance();

  void bound(const Address& name);
  void unbound(const Address& name);  // tells and forgets the name's observers

  // Told once, when the name goes (it need not be bound yet). After forget() returns nothing more is posted, but what
  // was posted before may still run: `gone` must bear that.
  using ObserverId = std::uint64_t;
  ObserverId observe(const Address& name, Executor& executor, std::function<void()> gone);
  void forget(ObserverId observer);

  bool is_bound(const Address& name);

 private:
  struct Observer {
    Address name;
    Executor* executor;
    std::function<void()> gone;
  };

  std::mutex mutex_;  // guards everything below
  std::set<Address> bound_;
  std::map<ObserverId, Observer> observers_;
  ObserverId last_observer_ = 0;
};

}  // namespace gfs::bus
