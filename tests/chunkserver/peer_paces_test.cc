// PeerPaces: the median of the last times of each member, as long as they are news.
#include "chunkserver/peer_paces.h"

#include <gtest/gtest.h>

namespace gfs::chunkserver {
namespace {

ServerId server(int number) {
  ServerId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  id.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  return id;
}

TEST(PeerPaces, TheMedianIsToldOnceThereAreEnough) {
  PeerPaces paces;
  const Instant now{10s};
  for (std::size_t i = 1; i < PeerPaces::kSamplesLeast; ++i) paces.note(server(1), 2ms, now);
  EXPECT_TRUE(paces.tell(now).empty());
  paces.note(server(1), 900ms, now);
  ASSERT_EQ(paces.tell(now).size(), 1u);
  EXPECT_EQ(paces.tell(now)[0].us, 2000u) << "one that took long does not count";
  for (std::size_t i = 0; i < PeerPaces::kSamples; ++i) paces.note(server(1), 50ms, now);
  EXPECT_EQ(paces.tell(now)[0].us, 50000u) << "the last ones count";
}

TEST(PeerPaces, WhatIsOldIsForgotten) {
  PeerPaces paces;
  Instant now{10s};
  for (std::size_t i = 0; i < PeerPaces::kSamples; ++i) paces.note(server(1), 2ms, now);
  now += PeerPaces::kWindow + 1s;
  EXPECT_TRUE(paces.tell(now).empty());
}

TEST(PeerPaces, OfABoundedNumberOfPeers) {
  PeerPaces paces;
  const Instant now{10s};
  for (int peer = 0; peer < 1000; ++peer) {
    for (std::size_t i = 0; i < PeerPaces::kSamplesLeast; ++i) paces.note(server(peer), 2ms, now);
  }
  EXPECT_EQ(paces.tell(now).size(), PeerPaces::kPeersMax);
}

}  // namespace
}  // namespace gfs::chunkserver
