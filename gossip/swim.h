// Swim: one member's part in finding out who is alive, without a socket and without a clock.
//
// Every period it pings one other member, and more often while there is news to tell. Who does not answer in time is
// asked through others; if they hear nothing either it is *suspect*, which is told to everybody, itself as well: it
// contradicts with a higher incarnation, and if it does not, it is *dead*. (Das, Gupta, Motivala: SWIM, 2002.) What is
// new rides on pings and answers; now and then two members compare their tables, and one that was called dead is asked
// again, so that a cluster that was cut grows together.
//
// Its own trouble is what a member doubts first (Dadgar, Phillips, Currey: Lifeguard, 2018): the slower it seems to be
// itself, the longer it waits before it accuses anybody (local health); helpers say that they are there even if the
// target is not (nack); the more members find somebody silent, the shorter the time to contradict; whoever is suspected
// hears of it with the next message sent to it, whatever that is for. A loop that stood still accuses nobody of that
// time. Whoever was heard itself meanwhile is spared a few times.
//
//   advance(now) whenever next_wake() is over, receive(message) for what comes in; then take_outgoing(),
//   take_changes().
//
// Verdicts steer what is tried first, never what is safe. Bounded: members, rumours in a message, relays, parts of an
// exchange; what is over a bound is dropped and counted. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.h"
#include "gossip/member_table.h"
#include "gossip/probe_order.h"
#include "gossip/rumor_queue.h"
#include "gossip/suspicion.h"

namespace gfs::gossip {

using Message = std::variant<bus::Ping, bus::Ack, bus::ProbeFor, bus::Nack, bus::Exchange>;

struct Outgoing {
  bus::Peer to;
  Message message;
};

// What is believed of somebody has become something else.
struct Change {
  NodeId node;
  std::optional<MemberStatus> before;  // none: a newcomer
  MemberStatus after = MemberStatus::alive;
  NodeId accuser;  // of a suspect
};

class Swim {
 public:
  struct Settings {
    SuspicionTimes suspicion;
    Duration answer = 200ms;        // a ping's, before helpers are asked; both wait longer in bad health
    Duration spread = 200ms;        // between two messages that are sent because there is news
    unsigned spread_to = 2;         // members, each time
    Duration exchange = 5s;         // between two comparisons of tables
    Duration heal = 2s;             // between two messages to somebody dead, or to a seed
    Duration forget_after = 3600s;  // the dead
    unsigned helpers = 3;           // asked about a silent member
    unsigned health_max = 8;        // the worst
    double retransmit = 8;          // times the log10 of the number of members, a rumour is told
    std::size_t rumors_max = 6;     // in a message
    std::size_t fillers = 1;        // members told of where there is no news: how they do
    std::size_t members_max = 10000;
    unsigned spared_max = 3;
  };
  struct Counters {
    std::uint64_t pings = 0, acks = 0, failed = 0;  // of own probes
    std::uint64_t suspected = 0, refuted = 0;       // others by this one; this one by others
    std::uint64_t died = 0;                         // suspicions that ran out here
    std::uint64_t stalls = 0;                       // this one's own
    std::uint64_t conflicts = 0;                    // somebody else with this one's id
    std::uint64_t refused = 0;                      // messages and statements that cannot be
  };

  // `self`: node, role, address, rack, program. Its incarnation begins with 1.
  Swim(Random& random, MemberRecord self, Settings settings, Instant now);

  // Addresses to begin with; asked until somebody is known, and now and then while some of them are not.
  void set_seeds(std::vector<bus::Address> seeds) { seeds_ = std::move(seeds); }
  // What this member says of itself from now on; a stamp that does not rise is raised.
  void set_load(std::uint64_t stamp, std::uint64_t used, std::uint64_t free, std::uint32_t load);
  // A master's word on a member; its number is this one at least, and higher than that of any word before. False:
  // nobody is known by this id.
  bool announce(NodeId node, Verdict verdict, std::uint64_t number);
  // Asks a member, and others about it, at once: whoever has news of it says so. Nobody is accused if none come.
  void ask_about(NodeId node);
  // Says goodbye; what it has to send then should still be sent.
  void leave(Instant now);

  void advance(Instant now);
  Instant next_wake() const { return wake_; }
  // `via`: where an answer goes.
  void receive(const Message& message, const bus::Peer& via, Instant now);

  std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }
  std::vector<Change> take_changes() { return std::exchange(changes_, {}); }

  const MemberRecord& self() const { return self_; }
  const MemberTable& table() const { return table_; }
  unsigned health() const { return health_; }  // 0: good
  const Counters& counters() const { return counters_; }

 private:
  struct Probe {
    NodeId target;
    std::uint64_t sequence = 0;
    Instant patience{};  // until helpers are asked
    Instant end{};
    std::set<NodeId> helpers;  // asked about it
    unsigned nacks = 0;
    bool helped = false;
  };
  // A ping for somebody else.
  struct Relay {
    bus::Peer to;
    NodeId asker, target;
    std::uint64_t sequence = 0;  // the asker's
    Instant nack{}, end{};
  };

  Duration scaled(Duration time) const { return time * (1 + health_); }
  std::size_t members() const { return table_.present() + 1; }
  std::size_t times_told() const;
  void note_stall(Instant now);
  void set_wake();
  void improve() { health_ -= health_ > 0 ? 1 : 0; }
  void worsen(unsigned by) { health_ = std::min(settings_.health_max, health_ + by); }

  void begin_probe();
  void ask_helpers();
  std::set<NodeId> ask_others(const MemberRecord& target, std::uint64_t sequence);
  void fail_probe();
  void expire_suspicions();
  void expire_relays();
  void exchange_with_somebody();
  void heal();
  void spread();
  void tell_somebody();

  // What the sender says of itself; false: the message is not to be looked at further.
  bool greet(const MemberRecord& from, const bus::Believed& you);
  void hear(const MemberRecord& told, bool first_hand);
  void hear_of_self(MemberStatus status, std::uint64_t incarnation);
  MemberRecord doubted(MemberRecord told, NodeId teller) const;
  void forget(const Member& member);
  void tell_change(const Member& member, std::optional<MemberStatus> before);
  void suspect(Member& member, NodeId accuser);
  void set_deadline(Member& member);

  void on(const bus::Ping& ping, const bus::Peer& via);
  void on(const bus::Ack& ack, const bus::Peer& via);
  void on(const bus::ProbeFor& ask, const bus::Peer& via);
  void on(const bus::Nack& nack, const bus::Peer& via);
  void on(const bus::Exchange& exchange, const bus::Peer& via);

  bus::Believed believed(NodeId node) const;
  // For the receiver, who knows of some already.
  std::vector<MemberRecord> news(NodeId receiver, const std::set<NodeId>& known = {});
  void send_ping(const bus::Peer& to, NodeId target, std::uint64_t sequence);
  template <class M>
  void send(const bus::Peer& to, NodeId receiver, M message);

  // Set once.
  Random& random_;
  const Settings settings_;
  std::vector<bus::Address> seeds_;

  // State.
  Instant now_;
  MemberRecord self_;
  MemberTable table_;
  ProbeOrder order_;
  RumorQueue rumors_;
  unsigned health_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::optional<Probe> probe_;
  std::map<std::uint64_t, Relay> relays_;
  std::set<std::pair<Instant, NodeId>> deadlines_;  // Member::deadline: of suspicions, and of forgetting
  Instant next_probe_, next_exchange_, next_heal_, next_spread_;
  Instant wake_;
  std::size_t next_filler_ = 0;
  std::vector<Outgoing> outgoing_;
  std::vector<Change> changes_;
  Counters counters_;
};

}  // namespace gfs::gossip
