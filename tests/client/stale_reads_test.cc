// Reading from a shadow of the master: only where that is welcome, only while the master does not answer, and it is
// known afterwards how old the answers were. What changes something goes to the master.
#include "tests/client/fake_cluster.h"

namespace gfs::client::fake {
namespace {

// As the fake master, at another address, and a shadow.
class FakeShadow : public Node {
 public:
  FakeShadow(SimExecutor& world, Random& random, bus::SimNetwork& network, ClusterId cluster, Master& master)
      : Node(world, random, network, "shadow", cluster, bus::kShadow), master_(master) {
    up();
  }
  void serve() override {
    endpoint->serve<&FakeShadow::hello>(*this);
    endpoint->serve<&FakeShadow::stat>(*this);
    endpoint->serve<&FakeShadow::locate_for_read>(*this);
    endpoint->serve<&FakeShadow::truncate>(*this);
    endpoint->set_behind([this] { return behind_ms; });
  }
  Task<bus::Hello::Reply> hello(bus::Hello, bus::Caller) {
    co_await before("hello");
    co_return bus::Hello::Reply{cluster_, "fake", kChunk};
  }
  Task<FileInfo> stat(bus::Stat, bus::Caller) {
    co_await before("stat");
    co_return master_.info();
  }
  Task<bus::LocateForRead::Reply> locate_for_read(bus::LocateForRead ask, bus::Caller) {
    co_await before("locate_for_read");
    bus::LocateForRead::Reply reply{master_.size, static_cast<std::uint32_t>(master_.chunk_count), {}};
    for (std::uint32_t i = ask.first; i < master_.chunk_count && i - ask.first < ask.count; ++i) {
      reply.layout.push_back(master_.layout(i));
      reply.layout.back().version = version;
    }
    co_return reply;
  }
  Task<FileInfo> truncate(bus::Truncate, bus::Caller) {
    co_await before("truncate");
    co_return fail(Code::read_only, "this is a shadow; changes go to the master");
  }

  std::int64_t behind_ms = 120;
  Version version{1};

 private:
  Master& master_;
};

class StaleReads : public Cluster {
 protected:
  StaleReads() {
    settings.stale_ok = true;
    settings.shadows = {shadow.control};
  }
  FakeShadow shadow{world, random, network, cluster, master};
};

TEST_F(StaleReads, TheMasterIsAskedWhileItAnswers) {
  has("hello");
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_EQ(shadow.calls["stat"], 0);
  EXPECT_FALSE(fs().take_staleness());
  master.faults["stat"] = {{Code::not_found}};
  EXPECT_EQ(run(fs().stat("/f")).error().code, Code::not_found);
  EXPECT_EQ(shadow.calls["stat"], 0) << "no is an answer";
}

TEST_F(StaleReads, AShadowIsAskedWhenTheMasterDoesNotAnswerAndSaysHowOldItsAnswerIs) {
  has("hello");
  ASSERT_TRUE(run(fs().stat("/f")));
  kill(master);
  const Instant began = world.now();
  EXPECT_EQ(run(open(Filesystem::Open::read)->read(0, 10)).value().view(), "hello");
  EXPECT_LT(world.now() - began, 500ms) << "a refused connection costs no patience";
  std::optional<Staleness> old = fs().take_staleness();
  ASSERT_TRUE(old);
  EXPECT_EQ(old->shadow, shadow.control);
  EXPECT_EQ(old->behind, 120ms);
  EXPECT_FALSE(fs().take_staleness()) << "told once";
  shadow.behind_ms = 5000;
  ASSERT_TRUE(run(fs().stat("/f")));
  shadow.behind_ms = 10;
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_EQ(fs().take_staleness()->behind, 5s) << "the oldest";
  master.up();
  world.run_for(11s);
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_FALSE(fs().take_staleness()) << "the master is there again";
}

TEST_F(StaleReads, AMasterThatIsSilentCostsASecondOnce) {
  has("hello");
  ASSERT_TRUE(run(fs().stat("/f")));
  mute(master);
  Instant began = world.now();
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_LT(world.now() - began, 1500ms);
  began = world.now();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_LT(world.now() - began, 900ms);
}

TEST_F(StaleReads, WithTheShadowAloneAClientCanBegin) {
  has("hello");
  kill(master);
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_EQ(fs().chunk_size(), kChunk);
}

TEST_F(StaleReads, AShadowThatHasNotCaughtUpIsPassedOver) {
  has("hello");
  shadow.faults["stat"] = {{Code::unavailable}, {Code::unavailable}};
  kill(master);
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_EQ(shadow.calls["stat"], 3);
}

TEST_F(StaleReads, AChangeGoesToTheMasterOnly) {
  kill(master);
  Error error = run(fs().truncate("/f", 1)).error();
  EXPECT_EQ(error.code, Code::unreachable);
  EXPECT_EQ(shadow.calls["truncate"], 0);
}

// A size of long ago would be where the next bytes are written, over what others wrote since.
TEST_F(StaleReads, WhatIsWrittenIsOpenedByTheMastersWordOnly) {
  has("hello");
  ASSERT_TRUE(run(fs().stat("/f")));
  kill(master);
  for (Filesystem::Open how : {Filesystem::Open::write, Filesystem::Open::create})
    EXPECT_EQ(run(fs().open("/f", how)).error().code, Code::unreachable);
  EXPECT_EQ(run(fs().open_appender("/f")).error().code, Code::unreachable);
  EXPECT_EQ(shadow.calls["stat"] + shadow.calls["locate_for_read"], 0);
}

TEST_F(StaleReads, ANoOfAShadowMayBeOldToo) {
  shadow.faults["stat"] = {{Code::not_found}};
  kill(master);
  EXPECT_EQ(run(fs().stat("/f")).error().code, Code::not_found);
  EXPECT_TRUE(fs().take_staleness());
}

TEST_F(StaleReads, WithoutPermissionNoShadowIsAsked) {
  settings.stale_ok = false;
  kill(master);
  EXPECT_EQ(run(fs().stat("/f")).error().code, Code::unreachable);
  EXPECT_EQ(shadow.calls["hello"], 0);
}

TEST_F(StaleReads, AClientOfAShadowThatDidNotAskForOneIsToldSo) {
  settings.stale_ok = false;
  settings.master = shadow.control;
  Error error = run(fs().stat("/f")).error();
  EXPECT_EQ(error.code, Code::refused);
  EXPECT_NE(error.message.find(shadow.control + " is a shadow"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("--stale-ok"), std::string::npos);
  // A change is refused by the shadow, which names its master.
  EXPECT_EQ(run(fs().truncate("/f", 1)).error().code, Code::read_only);
  EXPECT_EQ(shadow.calls["truncate"], 1) << "it is not tried again";
}

TEST_F(StaleReads, AClientMayNameAShadowAsItsMaster) {
  settings.master = shadow.control;
  settings.shadows.clear();
  has("hello");
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_EQ(fs().take_staleness()->behind, 120ms);
}

// The shadow tells of members that are so no more, or are gone: they refuse, or cannot be reached, and the others are
// asked.
TEST_F(StaleReads, AnOldLayoutCostsAnotherTry) {
  has("hello");
  kill(master);
  std::shared_ptr<File> file = open(Filesystem::Open::read);
  servers[0].faults["read"] = {{Code::stale_version}, {Code::not_found}};
  servers[2].faults["read"] = {{Code::stale_version}, {Code::not_found}};
  kill(servers[1]);
  EXPECT_EQ(run(file->read(0, 10)).value().view(), "hello");
}

TEST_F(StaleReads, ReplicasAreToldThatOldIsGoodEnoughOnlyBehindAShadow) {
  has("hello");
  ASSERT_TRUE(run(open(Filesystem::Open::read)->read(0, 10)));
  EXPECT_FALSE(servers[0].stale_ok || servers[1].stale_ok || servers[2].stale_ok);
  kill(master);
  ASSERT_TRUE(run(open(Filesystem::Open::read)->read(0, 10)));
  EXPECT_TRUE(servers[0].stale_ok || servers[1].stale_ok || servers[2].stale_ok);
}

}  // namespace
}  // namespace gfs::client::fake
