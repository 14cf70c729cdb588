// Many members in virtual time, on a network that is drawn from one seed: what a Swim sends arrives at another one
// later, or never.
//
// Two models of loss. As datagrams: a message that is lost is gone. As TCP: it is sent again after 200 ms, 400 ms ...
// (the kernel does that), and everything behind it on the same connection waits.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/codec.h"
#include "gossip/swim.h"

namespace gfs::gossip {

class World {
 public:
  struct Faults {
    double loss = 0;
    bool tcp = false;
    Duration delay_min = 100us, delay_max = 1ms;
  };
  struct Node {
    std::unique_ptr<Swim> swim;
    bool running = false;
    Instant stands_until{};                 // SIGSTOP
    Duration slow{};                        // every message takes so much longer to be looked at
    std::uint64_t bytes = 0, messages = 0;  // sent; bytes only if they are counted
    std::uint64_t life = 0;
    Instant wakes_at{};
  };
  using Watch = std::function<void(std::size_t who, const Change& change, Instant now)>;

  explicit World(std::uint64_t seed, Swim::Settings given = {}) : settings(given), random_(seed) {}

  static NodeId id(std::size_t number) {
    // Spread over the whole range, as real ones are.
    NodeId node;
    Random bits(number + 1);
    for (std::size_t i = 0; i < 16; ++i) node.bytes[i] = static_cast<std::uint8_t>(bits.next());
    return node;
  }
  static bus::Address address(std::size_t number) { return "n" + std::to_string(number); }
  std::size_t number_of(NodeId node) const { return numbers_.at(node); }

  // A process begins on the node; it knows the seeds' addresses.
  void start(std::size_t number, std::vector<std::size_t> seeds = {0}) {
    if (nodes.size() <= number) nodes.resize(number + 1);
    Node& node = nodes[number];
    MemberRecord self;
    self.node = id(number);
    self.address = address(number);
    self.rack = "r" + std::to_string(number % 5);
    self.program = "test 1";
    numbers_[self.node] = number;
    node.swim = std::make_unique<Swim>(random_, self, settings, now);
    node.swim->set_load(static_cast<std::uint64_t>(to_ms(now.time_since_epoch())) + 1, 0, 0, 0);
    std::vector<bus::Address> addresses;
    for (std::size_t seed : seeds) addresses.push_back(address(seed));
    node.swim->set_seeds(std::move(addresses));
    node.running = true;
    ++node.life;
    node.stands_until = {};
    node.wakes_at = {};
    wake(number);
  }
  void ask_about(std::size_t who, std::size_t whom) {
    nodes[who].swim->ask_about(id(whom));
    flush(who);
  }
  void kill(std::size_t number) { nodes[number].running = false; }
  void leave(std::size_t number) {
    nodes[number].swim->leave(now);
    flush(number);
    kill(number);
  }
  // SIGSTOP for so long: what arrives meanwhile is looked at afterwards.
  void stop(std::size_t number, Duration time) { nodes[number].stands_until = now + time; }
  void cut(std::size_t from, std::size_t to) { cut_.emplace(from, to); }
  void heal() { cut_.clear(); }
  // Everybody knows everybody, as after a long time.
  void introduce() {
    bus::Exchange hello;
    for (Node& node : nodes) hello.records.push_back(node.swim->self());
    for (Node& node : nodes) {
      for (std::size_t at = 0; at < hello.records.size(); at += 64) {
        bus::Exchange piece;
        piece.from = nodes[&node == &nodes[0] ? 1 : 0].swim->self();
        piece.records.assign(
            hello.records.begin() + static_cast<std::ptrdiff_t>(at),
            hello.records.begin() + static_cast<std::ptrdiff_t>(std::min(at + 64, hello.records.size())));
        node.swim->receive(piece, {}, now);
      }
      node.swim->take_outgoing();
      node.swim->take_changes();
    }
  }

  void run_until(Instant end) {
    while (!events_.empty() && events_.top().when <= end) {
      Event event = events_.top();
      events_.pop();
      now = event.when;
      event.run();
    }
    now = end;
  }
  void run_for(Duration time) { run_until(now + time); }
  bool run_until(const std::function<bool()>& done, Duration limit) {
    const Instant end = now + limit;
    while (!done()) {
      if (now >= end) return false;
      run_until(std::min(end, now + 10ms));
    }
    return true;
  }

  // What `who` believes of `whom`; left if it does not know it.
  MemberStatus belief(std::size_t who, std::size_t whom) const {
    const Member* member = nodes[who].swim->table().find(id(whom));
    return member == nullptr ? MemberStatus::left : member->record.status;
  }
  // How many running others believe that of it.
  std::size_t believers(std::size_t whom, MemberStatus status) const {
    std::size_t count = 0;
    for (std::size_t who = 0; who < nodes.size(); ++who)
      count += who != whom && nodes[who].running && belief(who, whom) == status;
    return count;
  }
  std::size_t running() const {
    return static_cast<std::size_t>(std::ranges::count_if(nodes, [](const Node& node) { return node.running; }));
  }
  // Every running member believes of each member that it is alive if it runs, and not alive if it does not.
  bool agrees() const {
    for (std::size_t whom = 0; whom < nodes.size(); ++whom) {
      const std::size_t others = running() - (nodes[whom].running ? 1 : 0);
      const std::size_t alive = believers(whom, MemberStatus::alive);
      if (nodes[whom].running ? alive != others : alive + believers(whom, MemberStatus::suspect) != 0) return false;
    }
    return true;
  }

  Swim::Settings settings;
  Faults faults;
  Instant now = Instant{} + 1000s;
  std::vector<Node> nodes;
  Watch watch;
  bool count_bytes = false;

 private:
  struct Event {
    Instant when;
    std::uint64_t number = 0;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return std::pair(when, number) > std::pair(other.when, other.number);  // the earliest is on top
    }
  };

  void at(Instant when, std::function<void()> run) { events_.push({when, ++last_event_, std::move(run)}); }

  void wake(std::size_t number) {
    Node& node = nodes[number];
    const Instant when = std::max({node.swim->next_wake(), now, node.stands_until});
    if (node.wakes_at > now && node.wakes_at <= when) return;  // it looks then
    node.wakes_at = when;
    at(when, [this, number, when, life = node.life] {
      Node& woken = nodes[number];
      if (!woken.running || woken.life != life || woken.wakes_at != when) return;
      woken.wakes_at = {};
      if (woken.stands_until <= now) {
        woken.swim->advance(now);
        flush(number);
      }
      wake(number);
    });
  }

  void flush(std::size_t number) {
    Node& node = nodes[number];
    for (const Change& change : node.swim->take_changes()) {
      if (watch) watch(number, change, now);
    }
    for (Outgoing& out : node.swim->take_outgoing()) {
      const bus::Address to = out.to.dialled() ? out.to.address : out.to.route;
      const std::size_t target = std::stoul(to.substr(1));
      ++node.messages;
      if (count_bytes) node.bytes += std::visit([](const auto& one) { return bus::encode(one).size(); }, out.message);
      carry(number, target, std::move(out.message));
    }
  }

  void carry(std::size_t from, std::size_t to, Message message) {
    if (to >= nodes.size() || cut_.contains({from, to})) return;
    Duration delay =
        faults.delay_min + Duration(static_cast<Duration::rep>(
                               random_.unit() * static_cast<double>((faults.delay_max - faults.delay_min).count())));
    Instant arrival = now + delay;
    if (faults.tcp) {
      for (Duration wait = 200ms; random_.chance(faults.loss); wait *= 2) arrival += wait;
      Instant& last = lanes_[{from, to}];
      last = arrival = std::max(arrival, last);
    } else if (random_.chance(faults.loss)) {
      return;
    }
    arrive(from, to, nodes[to].life, arrival + nodes[to].slow, std::make_shared<Message>(std::move(message)));
  }

  void arrive(std::size_t from, std::size_t to, std::uint64_t life, Instant when, std::shared_ptr<Message> message) {
    at(when, [this, from, to, life, message] {
      Node& node = nodes[to];
      if (!node.running || node.life != life) return;
      // The kernel keeps it until the process goes on.
      if (node.stands_until > now) return arrive(from, to, life, node.stands_until, message);
      node.swim->receive(*message, bus::Peer::on(address(from)), now);
      flush(to);
      wake(to);
    });
  }

  Random random_;
  std::uint64_t last_event_ = 0;
  std::priority_queue<Event> events_;
  std::map<NodeId, std::size_t> numbers_;
  std::set<std::pair<std::size_t, std::size_t>> cut_;
  std::map<std::pair<std::size_t, std::size_t>, Instant> lanes_;
};

}  // namespace gfs::gossip
