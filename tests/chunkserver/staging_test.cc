// Staging: bounded in bytes, in favour of what is there; found by request; forgotten when nobody orders it.
#include "chunkserver/staging.h"

#include <gtest/gtest.h>

#include "base/sim_executor.h"

namespace gfs::chunkserver {
namespace {

StagedFragment fragment_of(std::size_t size, std::uint32_t digest = 1) {
  StagedFragment fragment;
  fragment.handle.value = 1;
  fragment.digest = digest;
  fragment.bytes = Bytes::of(std::string(size, 'x'));
  return fragment;
}

RequestId request(std::uint64_t sequence) {
  RequestId id;
  id.client.bytes[0] = 1;
  id.sequence = sequence;
  return id;
}

TEST(Staging, I31OverTheBoundTheNewestIsRefused) {
  SimExecutor world;
  Staging staging(world, 1000, 60s);
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(600)));
  Result<> refused = staging.put(request(2), 0, fragment_of(600));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::overloaded);
  EXPECT_NE(staging.find(request(1)), nullptr);
  staging.release(request(1));
  EXPECT_EQ(staging.bytes(), 0u);
  EXPECT_TRUE(staging.put(request(2), 0, fragment_of(1000)));
}

TEST(Staging, OrphansExpireAndOrderedBytesDoNot) {
  SimExecutor world;
  Staging staging(world, 1000, 60s);
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(100)));
  ASSERT_TRUE(staging.put(request(2), 0, fragment_of(100)));
  staging.pin(request(2));
  world.run_for(61s);
  ASSERT_TRUE(staging.put(request(3), 0, fragment_of(100)));
  EXPECT_EQ(staging.find(request(1)), nullptr);
  EXPECT_NE(staging.find(request(2)), nullptr);
  EXPECT_EQ(staging.bytes(), 200u);
}

TEST(Staging, OrphansExpireWithoutAnotherPush) {
  SimExecutor world;
  Staging staging(world, 1000, 60s);
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(100)));
  world.run_for(61s);
  EXPECT_EQ(staging.bytes(), 0u);
}

TEST(Staging, APushAfterItsMutationSucceededIsDroppedUntilAnOrderAsksForIt) {
  SimExecutor world;
  Staging staging(world, 1000, 60s);
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(100)));
  staging.release(request(1));
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(100)));
  EXPECT_EQ(staging.bytes(), 0u);
  EXPECT_EQ(world.run(staging.wait(request(1), 0, world.now() + 1s)).error().code, Code::missing_data);
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(100)));
  EXPECT_EQ(staging.bytes(), 100u);
}

TEST(Staging, WaitersGetTheBytesWhenTheyComeOrAreToldInTime) {
  SimExecutor world;
  Staging staging(world, 1000, 60s);
  world.after(200ms, [&staging] { ASSERT_TRUE(staging.put(request(1), 0, fragment_of(10))); });
  Result<StagedFragment> come = world.run(staging.wait(request(1), 0, world.now() + 1s));
  ASSERT_TRUE(come);
  EXPECT_EQ(come->bytes.size(), 10u);
  Result<StagedFragment> missing = world.run(staging.wait(request(2), 0, world.now() + 1s));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::missing_data);
}

TEST(Staging, ARepeatIsFineAndOtherBytesNeverReplaceOrderedOnes) {
  SimExecutor world;
  Staging staging(world, 1000, 60s);
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(10)));
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(10)));
  EXPECT_EQ(staging.bytes(), 10u);
  staging.pin(request(1));
  EXPECT_EQ(staging.put(request(1), 0, fragment_of(10, 2)).error().code, Code::conflict);
  staging.unpin(request(1));
  ASSERT_TRUE(staging.put(request(1), 0, fragment_of(20, 2)));
  EXPECT_EQ(staging.find(request(1))->digest, 2u);
}

}  // namespace
}  // namespace gfs::chunkserver
