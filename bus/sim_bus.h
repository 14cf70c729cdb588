// SimBus: the bus of a simulated node; ZmqBus's neighbour. SimNetwork: what lies between them, in virtual time.
//
// Everything that happens on the network is drawn from one seed: delays, losses, repeats. A host is a name for
// partitions; a SimBus is one life of a process on a host. Destroying it is the death of the process: those who dialled
// it are told a little later, what was on the way is lost.
//
// Order is kept per connection (as TCP does); repeats come later than the first. What is late comes outside of its
// order, as if by a connection that was there before. A blocked direction loses silently; after 6 s of silence the
// dialler gives the connection up, as ZeroMQ's heartbeats make it do.
//
// A host that stands still answers nothing, and is silent to others as a blocked one is; but what was sent to it before
// they gave it up is kept (the kernel has it) and arrives when the host goes on, however long after.
//
// Owned by a test or the simulator; outlives its buses. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/sim_executor.h"
#include "bus/bus.h"

namespace gfs::bus {

class SimBus;

class SimNetwork {
 public:
  struct Faults {
    Duration delay_min = 100us;
    Duration delay_max = 400us;
    double slow = 0.001;  // share of messages that take up to 100 ms
    double loss = 0;
    // Share of packets that TCP has to send again, after 200 ms, 400 ms ...; what is behind on the connection waits.
    // After 6 s the dialler gives the connection up. A dial's packets are sent again after 1 s.
    double resent = 0;
    double repeat = 0;
    double late = 0;  // share of messages that come up to `late_max` later than they should
    Duration late_max = 10s;
  };
  struct Counters {
    std::uint64_t delivered = 0, lost = 0, blocked = 0, repeated = 0, late = 0;
  };

  SimNetwork(SimExecutor& world, std::uint64_t seed);

  // From the next message on.
  void set_faults(Faults faults) { faults_ = faults; }
  // One direction; messages already on the way arrive.
  void block(const std::string& from, const std::string& to) { blocked_.emplace(from, to); }
  void unblock(const std::string& from, const std::string& to) { blocked_.erase({from, to}); }
  // Unblocks everything and takes the faults away; delays stay.
  void heal();

  // The processes of the host stand still: nothing reaches them until resume(). Their executors are the caller's.
  void pause(const std::string& host);
  void resume(const std::string& host);

  // Further odds of single messages, by what they are; an empty function: none.
  struct Odds {
    double loss = 0;
    double repeat = 0;
    double late = 0;
    Duration delay{};  // it comes so much later, and what is behind it on its connection as well
  };
  using Judge = std::function<Odds(const std::string& from, const std::string& to, const Frames&)>;
  void set_judge(Judge judge) { judge_ = std::move(judge); }

  // Over time, hosts and content of every delivery and every drop: equal for equal seeds.
  std::uint64_t trace_hash() const { return trace_; }
  const Counters& counters() const { return counters_; }

 private:
  friend class SimBus;
  using Life = std::uint64_t;

  struct Subscription {
    Life subscriber = 0;
    Address publisher;
    std::string prefix;
    auto operator<=>(const Subscription&) const = default;
  };
  // What keeps its order: one direction of one connection.
  struct Lane {
    enum class Kind : std::uint8_t { there, back, data, events };
    Life dialler = 0;
    std::uint64_t link = 0;
    Life listener = 0;
    Kind kind = Kind::there;
    auto operator<=>(const Lane&) const = default;
  };
  using Arrive = std::function<void(const Frames&)>;
  // A message on its way.
  struct Parcel {
    Lane lane;
    std::uint32_t from = 0, to = 0;  // host marks
    Frames frames;
    Arrive arrive;
  };
  // What waits for a host that stands still.
  struct Standing {
    std::deque<std::function<void()>> held;
    std::map<Lane, std::size_t> bytes;
  };

  Life enter(SimBus* bus);
  void leave(Life life);
  SimBus* find(Life life) const;
  SimBus* listener(const std::map<Address, Life>& listeners, const Address& address) const;
  bool is_blocked(const std::string& from, const std::string& to) const {
    return !blocked_.empty() && blocked_.contains({from, to});
  }
  bool is_cut(const std::string& one, const std::string& other) const {
    return is_blocked(one, other) || is_blocked(other, one);
  }
  bool is_standing(std::uint32_t mark) const { return !standing_.empty() && standing_.contains(mark); }
  // Nothing comes back for the moment: blocked, or one of them stands still.
  bool is_silent(const SimBus& one, const std::string& other) const;
  // Runs it on the host: now, or when the host goes on.
  void on_host(std::uint32_t mark, std::function<void()> action);
  Duration delay();
  // What `packets` that must all arrive, one after the other, lose by being sent again.
  Duration resends(Duration first, int packets);
  // Its dialler hears nothing for kSilence.
  void give_up(const Lane& lane);
  // Brings one message over: when, or lost, or twice, is decided here. Gives the number of arrivals to come.
  std::size_t carry(const Lane& lane, const SimBus& from, const SimBus& to, Frames frames, Arrive arrive);
  void deliver(const Parcel& parcel);
  void trace(std::uint64_t what, const SimBus& from, const SimBus& to, const Frames& frames);
  void mix(std::uint64_t value);

  static constexpr Duration kSilence = 6s;

  SimExecutor& world_;
  Random random_;
  Faults faults_;
  Counters counters_;
  std::uint64_t trace_ = 0xcbf29ce484222325;
  Life last_life_ = 0;
  std::uint64_t last_port_ = 40000;
  std::map<Life, SimBus*> lives_;
  std::map<Address, Life> control_, data_, events_;  // who listens where
  std::set<std::pair<std::string, std::string>> blocked_;
  std::map<std::uint32_t, Standing> standing_;  // by host mark
  Judge judge_;
  std::map<Lane, Instant> lanes_;  // last arrival
  std::set<Subscription> subscriptions_;
};

class SimBus final : public Bus {
 public:
  // The node's executor is the world's view of the same life: both go together.
  SimBus(SimNetwork& network, Executor& node, std::string host, BusLimits limits = {});
  ~SimBus() override;

  void attach(Receiver* receiver) override { receiver_ = receiver; }
  Result<ListenAt> listen(const ListenAt& at) override;
  Result<> send(const Peer& to, Frames frames) override;
  Result<> push(const Address& to, Frames frames) override;
  Result<> publish(std::string topic, Frames frames) override;
  Result<> subscribe(const Address& publisher, std::string prefix) override;
  Result<> unsubscribe(const Address& publisher, std::string prefix) override;
  void hang_up(const Peer& peer) override;
  BusCounters counters() const override { return counters_; }

  const std::string& host() const { return host_; }

 private:
  friend class SimNetwork;

  // A dialled connection: to one life of the listener. Its number and our life make the route the listener sees.
  struct Link {
    std::uint64_t number = 0;
    SimNetwork::Life target = 0;
    std::string target_host;
    std::size_t on_the_way = 0;
    bool watched = false;  // a silence timer runs
    bool gone = false;     // lost; this process, which stands still, has not heard of it yet
  };
  // An attempt that will fail: nobody listens, or the way is cut.
  struct Dialling {
    std::uint64_t number = 0;
    std::size_t waiting = 0;
  };

  Result<> check(const Frames& frames) const;
  Result<> count_sent(Result<> sent, std::size_t size);
  Result<> send_dialled(const Address& to, Frames frames);
  Result<> send_routed(const std::string& route, Frames frames);
  Result<> send_pushed(const Address& to, Frames frames);
  // Null if nobody, or nobody attached, lives there any more.
  Receiver* receiving(std::size_t size);
  void refuse_dial(const Address& to, Duration after, std::string reason);
  void watch_silence(const Address& to);
  void lose_link(const Address& to, const std::string& reason);
  void target_died(SimNetwork::Life target);
  Result<> claim(std::map<Address, SimNetwork::Life>& listeners, Address& address);

  // Set once.
  SimNetwork& network_;
  const std::string host_;
  const std::uint32_t host_mark_;  // for the trace
  const BusLimits limits_;
  const SimNetwork::Life life_;
  Receiver* receiver_ = nullptr;

  // State.
  ListenAt listening_;
  bool listens_ = false;
  std::uint64_t last_link_ = 0;
  std::map<Address, Link> links_;
  std::map<Address, Dialling> dialling_;
  std::map<Address, std::size_t> pushed_;  // on the way to data addresses
  BusCounters counters_;
};

}  // namespace gfs::bus
