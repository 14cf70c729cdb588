// A master reduced to what is followed: log, checkpoints, state, and who ships them; and those who follow it. On one
// simulated network and disk.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/sim_disk.h"
#include "bus/endpoint.h"
#include "bus/sim_bus.h"
#include "master/checkpointer.h"
#include "master/follower.h"
#include "master/journal.h"
#include "master/log_service.h"
#include "master/shipping_service.h"
#include "tests/master/random_ops.h"

namespace gfs::master {

inline const bus::Address kLeaderAddress = "sim://master";

struct Seas {
  Seas() { log::set_level(log::Level::off); }
  SimExecutor clock;
  Random random{5};
  bus::SimNetwork network{clock, 6};
  std::unique_ptr<SimDisk> platter = std::make_unique<SimDisk>(clock, 7);
  ClusterId cluster{{9}};
  std::uint64_t epoch = 1;
  std::uint64_t log_segment = 4096;
  std::size_t recent_bytes = 4096;
};

// One life of the master's process.
struct Leader {
  explicit Leader(Seas& seas)
      : disk(seas.platter->mount(seas.clock)),
        log(*disk, seas.random, {.segment_max = seas.log_segment}),
        store(seas.clock, *disk, seas.random),
        checkpointer(seas.clock, store, log, state, {}),
        journal(seas.clock, log, state, [](Error) { ADD_FAILURE() << "the log failed"; }),
        recent(seas.clock, {.bytes_max = seas.recent_bytes}),
        bus(seas.network, seas.clock, "master"),
        endpoint(seas.clock, seas.random, bus, {.role = bus::kMaster, .program = "leader"}),
        entries(seas.clock, *disk, log, recent, {.epoch = seas.epoch}),
        shipping(log, recent, entries, checkpointer, store, {.epoch = seas.epoch}),
        viewing(*disk, log, recent, entries) {}
  ~Leader() { endpoint.stop(); }

  Task<bus::Hello::Reply> hello(bus::Hello, bus::Caller) {
    co_return bus::Hello::Reply{endpoint.cluster(), "leader", state.chunk_size()};
  }

  std::unique_ptr<Disk> disk;
  LogStore log;
  CheckpointStore store;
  MasterState state;
  Checkpointer checkpointer;
  Journal journal;
  RecentLog recent;
  bus::SimBus bus;
  bus::Endpoint endpoint;
  LogEntries entries;
  ShippingService shipping;
  LogService viewing;
};

struct Copy {
  Copy(Seas& seas, const std::string& host)
      : bus(seas.network, seas.clock, host),
        endpoint(seas.clock, seas.random, bus, {.role = bus::kShadow, .program = "shadow"}),
        follower(endpoint, Follower::Settings{kLeaderAddress}) {
    group.spawn(follower.run());
  }
  ~Copy() { endpoint.stop(); }

  bus::SimBus bus;
  bus::Endpoint endpoint;
  Follower follower;
  TaskGroup group;
};

class ShippingTest : public testing::Test {
 protected:
  ~ShippingTest() override {
    copy.reset();
    leader.reset();
  }

  void start(bool format = false) {
    leader = std::make_unique<Leader>(seas);
    if (format) ASSERT_TRUE(seas.clock.run(leader->log.format(seas.cluster, seas.epoch)));
    Result<> recovered = seas.clock.run(leader->checkpointer.recover(seas.cluster, seas.epoch));
    ASSERT_TRUE(recovered) << recovered.error().text();
    leader->recent.begin_behind(leader->log.last_index());
    leader->journal.keep_in(leader->recent);
    leader->endpoint.set_cluster(seas.cluster);
    leader->endpoint.serve<&Leader::hello>(*leader);
    leader->shipping.serve(leader->endpoint);
    leader->viewing.serve(leader->endpoint);
    ASSERT_TRUE(leader->bus.listen({kLeaderAddress, {}, {}}));
  }
  void kill(bool power_cut = false) {
    if (power_cut) seas.platter->power_cut();
    leader.reset();
  }
  // Another directory: nothing of the old one is left.
  void replace() {
    leader.reset();
    seas.platter = std::make_unique<SimDisk>(seas.clock, seas.random.next());
    start(true);
  }
  // Random changes, several at a time.
  void change(int count) {
    for (int done = 0; done < count;) {
      TaskGroup group;
      for (std::uint64_t batch = seas.random.between(1, 5); batch > 0 && done < count; --batch, ++done) {
        Op op = ops.next(leader->state);
        group.spawn(leader->journal.commit(std::move(op.body), op.header.request, op.header.digest));
      }
      ASSERT_TRUE(seas.clock.run(group.idle()));
    }
  }
  void create(const std::string& path) {
    OpBody body = CreateFileOp{path, 3};
    ASSERT_TRUE(seas.clock.run(leader->journal.commit(std::move(body))));
  }
  void checkpoint() {
    Result<Checkpointer::Written> written = seas.clock.run(leader->checkpointer.now());
    ASSERT_TRUE(written) << written.error().text();
  }
  void follow() { copy = std::make_unique<Copy>(seas, "shadow"); }
  bool wait(const std::function<bool()>& done, Duration limit = 60s) { return seas.clock.run_until(done, limit); }
  bool is_level(Copy& one) const {
    return one.follower.state() != nullptr && one.follower.index() == leader->log.last_index();
  }
  void expect_equal(Copy& one) {
    ASSERT_TRUE(wait([&] { return is_level(one); }, 300s)) << one.follower.lack();
    EXPECT_EQ(one.follower.state()->dump(), leader->state.dump());
    EXPECT_EQ(one.follower.state()->last_time(), leader->state.last_time());
  }
  void expect_equal() { expect_equal(*copy); }

  // One question, as a shadow asks it.
  Result<bus::ShipLog::Reply> ask(bus::Endpoint& from, bus::ShipLog question) {
    bus::CallOptions options{20s};
    return seas.clock.run(from.call(bus::Peer::at(kLeaderAddress), question, options));
  }

  Seas seas;
  RandomOps ops{21};
  std::unique_ptr<Leader> leader;
  std::unique_ptr<Copy> copy;
};

// Somebody who can ask.
struct Asker {
  Asker(Seas& seas, const std::string& host, bus::Role role = bus::kShadow)
      : bus(seas.network, seas.clock, host),
        endpoint(seas.clock, seas.random, bus, {.role = role, .program = "asker"}) {
    endpoint.set_cluster(seas.cluster);
  }
  bus::SimBus bus;
  bus::Endpoint endpoint;
};

}  // namespace gfs::master
