// GossipService: a member's part in the gossip, on a bus of its own: bulk data never stands in its way.
//
// Drives a Swim: its messages go out as casts, what comes in is fed to it, and it is woken when it has something to do.
// Once a second it says anew how its process does.
//
// Owned by a server's composition root, which declares it before its endpoint's users; lives on its executor.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/executor.h"
#include "bus/endpoint.h"
#include "gossip/swim.h"

namespace gfs::gossip {

// Members are pinged in turn: what one keeps open must not grow with their number.
inline bus::BusLimits bus_limits() {
  bus::BusLimits limits;
  limits.unused = 5s;
  return limits;
}

class GossipService {
 public:
  struct Settings {
    bus::Address listen;
    bus::Address advertise;  // empty: as bound
    Swim::Settings swim;
  };
  struct Load {
    std::uint64_t used = 0, free = 0;
    std::uint64_t served = 0;  // requests, since the process began
  };

  // `self`: node, role, rack, program.
  GossipService(Executor& executor, Random& random, bus::Bus& bus, MemberRecord self, Settings settings);
  ~GossipService();

  // in_use, invalid_argument.
  Result<> listen();
  // Once, after listen(). What came before is not answered.
  void begin(ClusterId cluster);
  void set_seeds(std::vector<bus::Address> seeds);
  // Asked once a second.
  void set_load(std::function<Load()> load) { load_ = std::move(load); }
  // Told of every change of what is believed of somebody.
  void on_change(std::function<void(const Change&)> observer) { observer_ = std::move(observer); }
  // A master's word on a member. False: nobody is known by this id.
  bool announce(NodeId node, Verdict verdict);
  // Asks it, and others about it, at once.
  void ask_about(NodeId node);
  // Says goodbye, and gives it a moment to leave.
  Task<> leave();

  const Swim* swim() const { return swim_ ? &*swim_ : nullptr; }  // null before begin()

  // For others and for people, on the control conversation. unavailable: it has not begun.
  void serve(bus::Endpoint& control);
  Task<bus::FindMembers::Reply> find_members(bus::FindMembers ask, bus::Caller caller);
  Task<bus::ListMembers::Reply> list_members(bus::ListMembers ask, bus::Caller caller);

  Task<bus::Done> ping(bus::Ping message, bus::Caller caller);
  Task<bus::Done> ack(bus::Ack message, bus::Caller caller);
  Task<bus::Done> probe_for(bus::ProbeFor message, bus::Caller caller);
  Task<bus::Done> nack(bus::Nack message, bus::Caller caller);
  Task<bus::Done> exchange(bus::Exchange message, bus::Caller caller);

 private:
  void receive(const Message& message, const bus::Caller& caller);
  void advance();
  void flush();
  void set_timer();
  void tell_load();

  // Set once.
  Executor& executor_;
  Random& random_;
  bus::Bus& bus_;
  MemberRecord self_;
  const Settings settings_;
  std::function<Load()> load_;
  std::function<void(const Change&)> observer_;

  // State.
  bus::Endpoint endpoint_;
  std::optional<Swim> swim_;
  std::vector<bus::Address> seeds_;
  TimerId timer_ = 0;
  Instant timer_at_{};
  Instant next_load_{}, told_load_{};
  std::uint64_t served_ = 0;
  std::uint64_t last_verdict_ = 0;
};

}  // namespace gfs::gossip
