// What is thought of a disk, by what its operations came back with.
#include "chunkserver/disk_health.h"

#include <gtest/gtest.h>

namespace gfs::chunkserver {
namespace {

using Action = DiskHealth::Action;
using bus::DiskState;

class DiskHealthTest : public ::testing::Test {
 protected:
  void fails(Action action, Code code) {
    const Error error{code, "it failed", {}};
    health.note(action, &error, 1ms, now);
  }
  void syncs(Duration took, int times) {
    for (int i = 0; i < times; ++i) health.note(Action::sync, nullptr, took, now);
  }
  static Result<> error(Code code) { return gfs::fail(code, "it failed"); }

  DiskHealth health{DiskHealth::Settings{}};
  Instant now = Instant{} + 24h;
};

TEST_F(DiskHealthTest, C11_TenErrorsWithinAnHourMakeItReadOnlyUntilTheHourIsOver) {
  for (int i = 0; i < 9; ++i) {
    fails(i % 2 == 0 ? Action::read : Action::write, Code::io_error);
    now += 1min;
  }
  EXPECT_EQ(health.state(now), DiskState::ok);
  now += 55min;
  fails(Action::read, Code::io_error);
  EXPECT_EQ(health.state(now), DiskState::ok) << "the first one is longer ago than an hour";
  for (int i = 0; i < 9; ++i) fails(Action::sync, Code::io_error);
  EXPECT_EQ(health.state(now), DiskState::read_only);
  EXPECT_EQ(health.errors(), 19u);
  EXPECT_NE(health.reason(now).find("10 errors"), std::string::npos) << health.reason(now);
  health.note_probe({});
  EXPECT_EQ(health.state(now), DiskState::read_only) << "one good probe does not mend sectors";
  now += 1h;
  EXPECT_EQ(health.state(now), DiskState::ok);
}

TEST_F(DiskHealthTest, C13_ARefusedWriteOrAReadOnlyMountUntilAProbeSucceeds) {
  fails(Action::look, Code::read_only);
  EXPECT_EQ(health.state(now), DiskState::ok);
  fails(Action::write, Code::read_only);
  EXPECT_EQ(health.state(now), DiskState::read_only);
  EXPECT_FALSE(health.writable(now));
  health.note_probe(error(Code::read_only));
  EXPECT_EQ(health.state(now), DiskState::read_only);
  health.note_probe({});
  EXPECT_EQ(health.state(now), DiskState::ok);
  health.note_space(Disk::Space{100, 50, true});
  EXPECT_EQ(health.state(now), DiskState::read_only);
}

TEST_F(DiskHealthTest, C10_ItIsFullFromTheFirstNoSpaceUntilAProbeFindsRoom) {
  fails(Action::write, Code::no_space);
  EXPECT_TRUE(health.full());
  EXPECT_EQ(health.state(now), DiskState::ok);
  health.note_probe(error(Code::no_space));
  EXPECT_TRUE(health.full());
  health.note_probe({});
  EXPECT_FALSE(health.full());
}

TEST_F(DiskHealthTest, C14_ItIsAbsentWhenNothingWasThereTwiceInARow) {
  const Result<Disk::Space> nothing = gfs::fail(Code::not_found, "no such directory");
  health.note_space(nothing);
  EXPECT_FALSE(health.absent());
  health.note_space(Disk::Space{100, 50});
  health.note_space(nothing);
  health.note_space(Result<Disk::Space>(gfs::fail(Code::overloaded, "too many operations")));
  EXPECT_FALSE(health.absent()) << "nothing is known from that";
  health.note_space(nothing);
  EXPECT_TRUE(health.absent());
  health.fail({});
  EXPECT_EQ(health.state(now), DiskState::failed);
  EXPECT_EQ(health.reason(now), "no such directory");
}

TEST_F(DiskHealthTest, ItIsSlowAgainstItsOwnPastWhichDoesNotLearnMeanwhile) {
  syncs(20ms, 100);
  syncs(150ms, 20);
  EXPECT_EQ(health.state(now), DiskState::ok) << "not felt";
  syncs(2s, 20);
  EXPECT_EQ(health.state(now), DiskState::slow);
  EXPECT_TRUE(health.writable(now));
  syncs(2s, 5000);
  EXPECT_EQ(health.state(now), DiskState::slow);
  syncs(20ms, 40);
  EXPECT_EQ(health.state(now), DiskState::ok);
}

TEST_F(DiskHealthTest, ADiskThatWasAlwaysSlowIsOk) {
  syncs(1s, 1000);
  EXPECT_EQ(health.state(now), DiskState::ok);
}

}  // namespace
}  // namespace gfs::chunkserver
