// Shadow: the composition root of a program that follows a master and answers questions from what it has learned.
//
// It decides nothing, keeps nothing on disk and changes nothing anywhere. Every answer says how far it is behind
// (bus/envelope.h), so that a client takes it only where old is good enough.
//
// The same object serves real clusters and the simulator: only its surroundings differ.
#pragma once

#include <memory>

#include "base/executor.h"
#include "base/random.h"
#include "bus/bus.h"
#include "master/follower.h"

namespace gfs::master {

struct ShadowSettings {
  bus::Address follow;     // the master
  bus::Address listen;     // control
  bus::Address advertise;  // empty: as bound
  Follower::Settings follower() const {
    Follower::Settings settings;
    settings.master = follow;
    return settings;
  }
};

class Shadow {
 public:
  Shadow(Executor& executor, Random& random, bus::Bus& bus, ShadowSettings settings);
  ~Shadow();

  // Listens and begins to follow; the master need not be there yet. in_use.
  Task<> start();
  void stop();

  bus::Address listening() const;  // after start()
  const Follower& follower() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace gfs::master
