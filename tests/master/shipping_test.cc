// What a master tells those who follow it: bounded in bytes, time and number, to shadows only.
#include "base/crc32c.h"
#include "master/shipping_service.h"
#include "tests/master/shipping_fixture.h"

namespace gfs::master {
namespace {

TEST_F(ShippingTest, AQuestionIsKeptForABoundedTime) {
  start(true);
  change(5);
  Asker asker(seas, "asker");
  bus::ShipLog question{1, leader->log.last_index(), 0, 1 << 20, 300};
  Instant began = seas.clock.now();
  bus::ShipLog::Reply nothing = ask(asker.endpoint, question).value();
  EXPECT_TRUE(nothing.sizes.empty());
  EXPECT_EQ(nothing.last, leader->log.last_index());
  EXPECT_EQ(nothing.waited_ms, 300u);
  EXPECT_GE(seas.clock.now() - began, 300ms);
  EXPECT_LT(seas.clock.now() - began, 600ms);

  question.wait_ms = 3600 * 1000;
  began = seas.clock.now();
  EXPECT_TRUE(ask(asker.endpoint, question).value().sizes.empty());
  EXPECT_LT(seas.clock.now() - began, 11s) << "whatever was asked for";

  std::optional<Result<bus::ShipLog::Reply>> told;
  TaskGroup group;
  bus::CallOptions options{20s};
  group.spawn(asker.endpoint.call(bus::Peer::at(kLeaderAddress), question, options),
              [&](Result<bus::ShipLog::Reply> reply) { told = std::move(reply); });
  seas.clock.run_for(2s);
  EXPECT_FALSE(told);
  create("/now");
  seas.clock.run_for(200ms);
  ASSERT_TRUE(told && *told);
  EXPECT_EQ((*told)->first, question.after + 1);
  EXPECT_EQ((*told)->sizes.size(), 1u);
  EXPECT_EQ(leader->recent.waiting(), 0u);
}

TEST_F(ShippingTest, AnAnswerHoldsAsManyBytesAsWereAskedForButOneEntryInAnyCase) {
  start(true);
  for (int i = 0; i < 100; ++i) create("/file-" + std::to_string(i));
  Asker asker(seas, "asker");
  for (std::uint64_t after : {std::uint64_t{0}, leader->log.last_index() - 10}) {
    SCOPED_TRACE(leader->recent.has(after + 1) ? "from memory" : "from a file");
    bus::ShipLog::Reply one = ask(asker.endpoint, {1, after, 0, 1, 0}).value();
    EXPECT_EQ(one.sizes.size(), 1u);
    EXPECT_EQ(one.payload.size(), one.sizes[0]);
    bus::ShipLog::Reply few = ask(asker.endpoint, {1, after, 0, 500, 0}).value();
    EXPECT_GT(few.sizes.size(), 1u);
    EXPECT_LE(few.payload.size(), 500u);
    EXPECT_EQ(few.payload.slice(0, few.sizes[0]), one.payload);
    EXPECT_EQ(few.first, after + 1);
  }
}

TEST_F(ShippingTest, AnswersStayWithinAFrame) {
  seas.recent_bytes = 8 << 20;
  start(true);
  std::string deep;
  for (int i = 0; i < 15; ++i) deep += "/" + std::string(255, 'd');
  OpBody body = MakeDirectoryOp{deep, true};
  ASSERT_TRUE(seas.clock.run(leader->journal.commit(std::move(body))));
  for (int i = 0; i < 400; ++i) create(deep + "/" + std::to_string(i));
  Asker asker(seas, "asker");
  bus::ShipLog::Reply reply = ask(asker.endpoint, {1, 0, 0, UINT32_MAX, 0}).value();
  EXPECT_LE(reply.payload.size(), 1u << 20);
  EXPECT_GT(reply.payload.size(), 900u << 10);
}

TEST_F(ShippingTest, TooManyShadowsAreRefusedUntilOneIsSilent) {
  start(true);
  change(5);
  std::vector<std::unique_ptr<Asker>> askers;
  for (int i = 0; i < 9; ++i) askers.push_back(std::make_unique<Asker>(seas, "asker" + std::to_string(i)));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(ask(askers[i]->endpoint, {1, 0, 0, 100, 0}));
  EXPECT_EQ(leader->shipping.shadows(), 8u);
  EXPECT_EQ(ask(askers[8]->endpoint, {1, 0, 0, 100, 0}).error().code, Code::overloaded);
  EXPECT_TRUE(ask(askers[0]->endpoint, {1, 1, 0, 100, 0})) << "it is one of them already";
  seas.clock.run_for(11s);
  EXPECT_TRUE(ask(askers[8]->endpoint, {1, 0, 0, 100, 0}));
  EXPECT_EQ(leader->shipping.shadows(), 1u);
}

TEST_F(ShippingTest, OneShadowCannotHaveManyQuestionsKept) {
  start(true);
  change(5);
  Asker asker(seas, "asker");
  TaskGroup group;
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    bus::ShipLog question{1, leader->log.last_index(), 0, 100, 5000};
    bus::CallOptions options{20s};
    group.spawn(
        asker.endpoint.call(bus::Peer::at(kLeaderAddress), question, options),
        [&](Result<bus::ShipLog::Reply> reply) { refused += !reply && reply.error().code == Code::overloaded; });
  }
  seas.clock.run_for(1s);
  EXPECT_EQ(leader->recent.waiting(), 16u);
  EXPECT_EQ(refused, 84);
  seas.clock.run_for(10s);
  EXPECT_EQ(leader->recent.waiting(), 0u);
}

TEST_F(ShippingTest, OnlyShadowsMayAsk) {
  start(true);
  for (bus::Role role : {bus::kClient, bus::kReader, bus::kAdmin, bus::kChunkserver}) {
    Asker asker(seas, "asker" + std::to_string(role), role);
    EXPECT_EQ(ask(asker.endpoint, {1, 0, 0, 100, 0}).error().code, Code::not_allowed);
    bus::FetchCheckpoint fetch{0, 0};
    EXPECT_EQ(seas.clock.run(asker.endpoint.call(bus::Peer::at(kLeaderAddress), fetch)).error().code,
              Code::not_allowed);
  }
}

TEST_F(ShippingTest, WhoeverIsOnAnotherLogIsToldSoAndNothingElse) {
  start(true);
  for (int i = 0; i < 100; ++i) create("/file-" + std::to_string(i));
  Asker asker(seas, "asker");
  EXPECT_TRUE(ask(asker.endpoint, {2, 0, 0, 100, 0}).value().sizes.empty()) << "another epoch";
  bus::ShipLog::Reply ahead = ask(asker.endpoint, {1, 1000, 0, 100, 5000}).value();
  EXPECT_TRUE(ahead.sizes.empty());
  EXPECT_EQ(ahead.last, 100u);
  for (std::uint64_t index : {std::uint64_t{20}, std::uint64_t{100}}) {
    bus::ShipLog::Reply entry = ask(asker.endpoint, {1, index - 1, 0, 1, 0}).value();
    const std::uint32_t digest = crc32c(entry.payload.view());
    // A connection is believed after it was right once about an older entry; these are new ones.
    Asker right(seas, "right" + std::to_string(index)), wrong(seas, "wrong" + std::to_string(index));
    EXPECT_FALSE(ask(right.endpoint, {1, index, digest, 100, 0}).value().other);
    bus::ShipLog::Reply other = ask(wrong.endpoint, {1, index, digest + 1, 100, 0}).value();
    EXPECT_TRUE(other.other);
    EXPECT_TRUE(other.sizes.empty());
  }
}

TEST_F(ShippingTest, APieceOfACheckpointIsAskedForByItsPlace) {
  start(true);
  change(50);
  Asker asker(seas, "asker");
  auto fetch = [&](std::uint64_t index, std::uint64_t offset) {
    bus::FetchCheckpoint question{index, offset};
    return seas.clock.run(asker.endpoint.call(bus::Peer::at(kLeaderAddress), question));
  };
  EXPECT_EQ(fetch(0, 0).value().index, 0u) << "there is none";
  EXPECT_EQ(fetch(77, 0).error().code, Code::not_found);
  checkpoint();
  bus::FetchCheckpoint::Reply whole = fetch(0, 0).value();
  EXPECT_EQ(whole.index, leader->state.index());
  EXPECT_EQ(whole.payload.size(), whole.size);
  EXPECT_EQ(fetch(whole.index, 10).value().payload, whole.payload.slice(10));
  EXPECT_TRUE(fetch(whole.index, whole.size).value().payload.empty());
  EXPECT_EQ(fetch(whole.index, whole.size + 1).error().code, Code::invalid_argument);
}

TEST_F(ShippingTest, ADamagedSegmentIsAnErrorAndNothingElse) {
  start(true);
  change(300);
  Asker asker(seas, "asker");
  const LogStore::Segment segment = leader->log.segment_of(1);
  auto file = seas.clock.run([](Disk& disk, std::string path) -> Task<std::shared_ptr<File>> {
    std::shared_ptr<File> opened = co_await disk.open(path, Disk::Mode::write);
    co_await opened->write(1000, Bytes::of("damage"));
    co_return opened;
  }(*leader->disk, segment.path));
  ASSERT_TRUE(file);
  std::uint64_t index = 0;
  Result<bus::ShipLog::Reply> reply;
  while ((reply = ask(asker.endpoint, {1, index, 0, 1, 0}))) index += reply->sizes.size();
  EXPECT_EQ(reply.error().code, Code::corrupt);
  EXPECT_NE(reply.error().message.find(segment.path), std::string::npos) << reply.error().message;
  EXPECT_LT(index, segment.last);
  EXPECT_TRUE(ask(asker.endpoint, {1, leader->log.last_index() - 1, 0, 1, 0}));
}

}  // namespace
}  // namespace gfs::master
