// What each kind of error means for the next try, and that a final error never claims more than is known.
#include "client_cli/client/retry_policy.h"

#include <gtest/gtest.h>

namespace gfs::client {
namespace {

TEST(RetryPolicy, OfWrites) {
  const std::pair<Code, Recovery> table[] = {
      {Code::missing_data, Recovery::push_again},     {Code::overloaded, Recovery::later},
      {Code::unreachable, Recovery::locate_now},      {Code::not_primary, Recovery::locate_now},
      {Code::stale_version, Recovery::locate_now},    {Code::lease_lost, Recovery::locate_now},
      {Code::replica_failed, Recovery::locate_later}, {Code::deadline, Recovery::locate_later},
      {Code::lost_link, Recovery::locate_later},      {Code::not_enough_servers, Recovery::locate_later},
      {Code::no_space, Recovery::locate_once},        {Code::corrupt, Recovery::give_up},
      {Code::invalid_argument, Recovery::give_up},    {Code::wrong_cluster, Recovery::give_up},
  };
  for (const auto& [code, recovery] : table) EXPECT_EQ(recovery_of_write(code), recovery) << name_of(code);
}

TEST(RetryPolicy, OfCallsToTheMaster) {
  for (Code code : {Code::unreachable, Code::lost_link, Code::deadline, Code::unavailable, Code::overloaded,
                    Code::not_enough_servers}) {
    EXPECT_TRUE(master_may_recover(code)) << name_of(code);
  }
  for (Code code : {Code::not_found, Code::already_exists, Code::not_empty, Code::invalid_argument, Code::wrong_cluster,
                    Code::not_allowed, Code::no_space}) {
    EXPECT_FALSE(master_may_recover(code)) << name_of(code);
  }
}

TEST(Attempts, OutcomeOfTheWhole) {
  struct Case {
    const char* name;
    std::vector<Code> with_effect;
    Code expected;
  };
  const Case cases[] = {
      {"refused", {Code::not_found}, Code::not_found},
      {"never sent", {Code::unreachable, Code::unreachable}, Code::unreachable},
      {"lost, then never sent", {Code::lost_link, Code::unreachable}, Code::lost_link},
      {"lost, then refused", {Code::unreachable, Code::deadline, Code::no_space}, Code::deadline},
      {"unknown at the end", {Code::lost_link, Code::deadline}, Code::deadline},
  };
  for (const Case& c : cases) {
    Attempts attempts("work");
    Error last;
    for (Code code : c.with_effect) {
      last = {code, "it failed", {}};
      attempts.failed_with_effect("s", last);
    }
    EXPECT_EQ(attempts.give_up(last).code, c.expected) << c.name;
  }
}

TEST(Attempts, StepsWithoutEffectLeaveTheOutcomeAlone) {
  Attempts attempts("work");
  attempts.failed("master", {Code::deadline, "silent", {}});
  Error last{Code::no_space, "full", {}};
  attempts.failed_with_effect("cs1", last);
  EXPECT_EQ(attempts.give_up(last).outcome(), Outcome::did_not_happen);
}

TEST(Attempts, KeepEachFailedStepOnceWithServerAndReason) {
  Attempts attempts("write of /a");
  Error refused{Code::unreachable, "connection refused", {}};
  attempts.failed("cs1", refused);
  attempts.failed("cs2", {Code::corrupt, "block 3", {}});
  attempts.failed("cs1", refused);
  Error error = attempts.give_up(refused);
  ASSERT_EQ(error.why.size(), 2u);
  EXPECT_EQ(error.why[0], (Reason{"cs1", "unreachable: connection refused (2 times)"}));
  EXPECT_EQ(error.why[1], (Reason{"cs2", "corrupt: block 3"}));
  EXPECT_EQ(error.message, "write of /a: connection refused (after 3 tries)");
}

TEST(Attempts, AreBoundedAndKeepTheFirstAndTheLast) {
  Attempts attempts("work");
  Error last;
  for (int i = 0; i < 1000; ++i) {
    last = {Code::overloaded, fmt::format("try {}", i), {}};
    attempts.failed("s", last);
  }
  Error error = attempts.give_up(last);
  EXPECT_LE(error.why.size(), 32u);
  EXPECT_EQ(error.why.front().reason, "overloaded: try 0");
  EXPECT_EQ(error.why.back().reason, "overloaded: try 999");
}

TEST(Backoff, GrowsToASecond) {
  Random random(1);
  Backoff backoff;
  Duration first = backoff.next(random), last{};
  for (int i = 0; i < 20; ++i) last = backoff.next(random);
  EXPECT_LE(first, 20ms);
  EXPECT_GE(last, 500ms);
  EXPECT_LE(last, 1s);
}

}  // namespace
}  // namespace gfs::client
