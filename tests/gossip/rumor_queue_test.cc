#include "gossip/rumor_queue.h"

#include <gmock/gmock.h>

namespace gfs::gossip {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

NodeId node(std::uint8_t number) { return NodeId{{number}}; }

TEST(RumorQueue, TellsTheLeastToldFirstAndOfTheseTheNewest) {
  RumorQueue queue;
  for (std::uint8_t i = 1; i <= 3; ++i) queue.add(node(i));
  EXPECT_THAT(queue.take(2, 2), ElementsAre(node(3), node(2)));
  EXPECT_THAT(queue.take(2, 2), ElementsAre(node(1), node(3)));
  EXPECT_THAT(queue.take(9, 2), ElementsAre(node(2), node(1)));
  EXPECT_THAT(queue.take(9, 2), IsEmpty());
  EXPECT_EQ(queue.size(), 0u);
}

TEST(RumorQueue, WhatTheReceiverKnowsIsKeptForOthers) {
  RumorQueue queue;
  for (std::uint8_t i = 1; i <= 3; ++i) queue.add(node(i));
  EXPECT_THAT(queue.take(2, 1, {node(3)}), ElementsAre(node(2), node(1)));
  EXPECT_THAT(queue.take(2, 1), ElementsAre(node(3)));
}

TEST(RumorQueue, NewsOfSomebodyBeginAgain) {
  RumorQueue queue;
  queue.add(node(1));
  EXPECT_THAT(queue.take(1, 3), ElementsAre(node(1)));
  EXPECT_THAT(queue.take(1, 3), ElementsAre(node(1)));
  queue.add(node(1));
  EXPECT_EQ(queue.size(), 1u);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(queue.take(1, 3), ElementsAre(node(1)));
  EXPECT_THAT(queue.take(1, 3), IsEmpty());
  queue.add(node(2));
  queue.remove(node(2));
  queue.remove(node(2));
  EXPECT_THAT(queue.take(1, 3), IsEmpty());
}

}  // namespace
}  // namespace gfs::gossip
