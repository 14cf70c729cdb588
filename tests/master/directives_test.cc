// Directives: what operators said survives, ends in time, and is refused where it makes no sense.
#include "master/directives.h"

#include <gtest/gtest.h>

#include "master/state.h"

namespace gfs::master {
namespace {

using bus::ServerMark;
using bus::SetRepair;

ServerId server(int number) {
  ServerId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  return id;
}

TEST(DirectivesTest, MarksHoldUntilTheyAreTakenBackOrOver) {
  Directives directives;
  directives.mark(server(1), {ServerMark::drain, 0, server(2)});
  directives.mark(server(3), {ServerMark::maint, 1000, {}});
  EXPECT_TRUE(directives.drains(server(1)));
  EXPECT_EQ(directives.find(server(1), 1 << 30).successor, server(2)) << "draining has no end";
  EXPECT_TRUE(directives.maintained(server(3), 999));
  EXPECT_FALSE(directives.maintained(server(3), 1000));
  EXPECT_FALSE(directives.spared(server(3), 1000));
  directives.mark(server(1), {ServerMark::maint, 1000, {}});
  EXPECT_FALSE(directives.any_drains()) << "one word at a time";
  directives.forget(server(1));
  directives.forget(server(3));
  EXPECT_TRUE(directives.empty());
}

TEST(DirectivesTest, RulesOfRepairChangeOneByOne) {
  Directives directives;
  directives.change({1, SetRepair::kKeep, 5000});
  directives.change({SetRepair::kKeep, 0, SetRepair::kKeep});
  EXPECT_EQ(directives.repair(), (RepairRules{1, 0, 5000}));
  directives.change({SetRepair::kDefault, SetRepair::kDefault, SetRepair::kDefault});
  EXPECT_TRUE(directives.empty());
  for (const RepairRules& bad : {RepairRules{2, 0, 0}, RepairRules{0, -3, 0}, RepairRules{0, 0, 1ll << 51}})
    EXPECT_FALSE(check_repair(bad));
}

TEST(DirectivesTest, WhatIsWrittenDownIsReadBackAndNothingElse) {
  Directives directives;
  directives.change({1, 4096, 0, 0});
  directives.mark(server(1), {ServerMark::drain, 0, server(2)});
  directives.mark(server(3), {ServerMark::maint, 123456, {}});
  const std::string piece = directives.freeze();
  Directives loaded;
  ASSERT_TRUE(loaded.load(piece));
  EXPECT_EQ(loaded.dump(), directives.dump());
  EXPECT_TRUE(loaded.any_drains());
  for (std::size_t size = 0; size < piece.size(); ++size) {
    const bool whole = size == 24 || (size >= 32 && (size - 32) % 48 == 0);
    EXPECT_EQ(Directives().load(piece.substr(0, size)).has_value(), whole) << size;
  }
  EXPECT_FALSE(loaded.load(piece)) << "everything comes twice";
  std::string bad = piece;
  bad[32 + 16] = 9;
  EXPECT_FALSE(Directives().load(bad)) << "no such mark";
}

// Written before there was a rule for balance.
TEST(DirectivesTest, ThreeRulesAreReadAsBefore) {
  Directives directives;
  directives.change({1, 4096, 0});
  directives.mark(server(1), {ServerMark::drain, 0, server(2)});
  const std::string piece = directives.freeze();
  Directives loaded;
  ASSERT_TRUE(loaded.load(piece.substr(0, 24) + piece.substr(32)));
  EXPECT_EQ(loaded.dump(), directives.dump());
}

TEST(DirectivesTest, OnlyKnownServersAreMarkedAndForgotten) {
  MasterState state;
  auto apply = [&](OpBody body) { return state.apply({{}, std::move(body)}).ok(); };
  EXPECT_FALSE(apply(MarkServerOp{server(1), ServerMark::drain}));
  EXPECT_FALSE(apply(ForgetServerOp{server(1)}));
  ASSERT_TRUE(apply(AddServerOp{server(1), "tcp://a", "tcp://b", "r"}));
  EXPECT_FALSE(apply(MarkServerOp{server(1), ServerMark::drain, 0, server(2)})) << "its successor is not known";
  EXPECT_FALSE(apply(MarkServerOp{server(1), static_cast<ServerMark>(3)}));
  ASSERT_TRUE(apply(MarkServerOp{server(1), ServerMark::drain}));
  ASSERT_TRUE(apply(AddServerOp{server(1), "tcp://elsewhere", "tcp://b", "r"}));
  EXPECT_TRUE(state.directives().drains(server(1))) << "a new address changes nothing";
  EXPECT_FALSE(apply(SetRepairOp{7, 0, 0}));
  ASSERT_TRUE(apply(ForgetServerOp{server(1)}));
  EXPECT_TRUE(state.servers().empty());
  EXPECT_TRUE(state.directives().empty());
}

}  // namespace
}  // namespace gfs::master
