// What each kind of error means for the next try, and that a final error never claims more than is known.
#include "client_cli/client/retry_policy.h"

#include <gtest/gtest.h>

namespace gfs::client {
namespace {

// One letter per kind of error, in the order of their numbers: what changes before the next try.
char letter(const Rule& rule) {
  switch (rule.change) {
    case Change::give_up:
      return '.';
    case Change::nothing:
      return rule.pause == Pause::apart ? 'd' : rule.in_a_row == 0 ? 's' : 'S';
    case Change::first_hop:
      return 'h';
    case Change::primary:
      return 'P';
    case Change::layout:
      return rule.in_a_row != 0 ? 'L' : rule.pause == Pause::growing ? 'l' : 'n';
    case Change::replica:
      return rule.in_a_row != 0 ? 'R' : rule.pause == Pause::growing ? 'r' : 'a';
    case Change::room:
      return 'F';
    case Change::chunk:
      return 'c';
    case Change::predecessor:
      return 'o';
  }
  return '?';
}

TEST(RetryPolicy, IsThisTable) {
  struct Row {
    Code code;
    const char* letters;  // write, append, read, master
  };
  const Row rows[] = {
      {Code::invalid_argument, "...."},
      {Code::not_found, "nna."},
      {Code::already_exists, "..r."},
      {Code::not_empty, "..r."},
      {Code::not_a_directory, "..r."},
      {Code::is_a_directory, "..r."},
      {Code::conflict, "..r."},
      {Code::not_allowed, "...."},
      {Code::wrong_cluster, "...."},
      {Code::not_formatted, "..r."},
      {Code::unreachable, "PPrd"},
      {Code::lost_link, "llrd"},
      {Code::deadline, "LLRS"},
      {Code::expired, "ssrs"},
      {Code::overloaded, "ssrd"},
      {Code::too_large, "...."},
      {Code::malformed, "..r."},
      {Code::unknown_kind, "...."},
      {Code::wrong_version, "...."},
      {Code::not_primary, "nnr."},
      {Code::stale_version, "nna."},
      {Code::out_of_order, "llr."},
      {Code::lease_lost, "nnr."},
      {Code::missing_data, "hhr."},
      {Code::no_space, "FFr."},
      {Code::read_only, "FFr."},
      {Code::io_error, "llr."},
      {Code::corrupt, "..r."},
      {Code::in_use, "..r."},
      {Code::cancelled, "llrs"},
      {Code::not_enough_servers, "llrs"},
      {Code::unavailable, "llrs"},
      {Code::shutting_down, "llrd"},
      {Code::refused, "..r."},
      {Code::internal, "..r."},
      {Code::replica_failed, "llr."},
      {Code::sealed, ".cr."},
      {Code::out_of_sequence, ".or."},
      {Code::suspect, "llrs"},
      {Code::record_expired, "..r."},
      {Code::quota_exceeded, "..r."},
  };
  unsigned number = 0;
  for (const Row& row : rows) {
    ASSERT_EQ(static_cast<unsigned>(row.code), ++number) << "every code has its row";
    std::string letters;
    for (Trying what : {Trying::write, Trying::append, Trying::read, Trying::master}) {
      letters += letter(rule_of(what, row.code));
    }
    EXPECT_EQ(letters, row.letters) << name_of(row.code);
  }
  EXPECT_EQ(name_of(static_cast<Code>(number + 1)), fmt::format("code {}", number + 1)) << "a code without a row";
}

TEST(RetryPolicy, FiveTimeOutsInARowAreTheEnd) {
  for (Trying what : {Trying::write, Trying::append, Trying::read, Trying::master}) {
    Rule rule = rule_of(what, Code::deadline);
    InARow in_a_row;
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(in_a_row.again(Code::deadline, rule));
    in_a_row.forward();
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(in_a_row.again(Code::deadline, rule));
    EXPECT_FALSE(in_a_row.again(Code::deadline, rule));
  }
}

TEST(RetryPolicy, ThreeChangesOfAnUnreachablePrimaryAreTheEnd) {
  Random random(1);
  Rule rule = rule_of(Trying::append, Code::unreachable);
  InARow in_a_row;
  for (int primary = 0; primary < 4; ++primary) {
    ServerId server = ServerId::random(random);
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(in_a_row.again(Code::unreachable, rule, server), primary < 3)
          << "while it is the same it is waited for";
      EXPECT_EQ(in_a_row.again(Code::unreachable, rule), primary < 3) << "nor does it matter who is no primary";
    }
    in_a_row.forward();
  }
  EXPECT_TRUE(
      in_a_row.again(Code::stale_version, rule_of(Trying::append, Code::stale_version), ServerId::random(random)));
  EXPECT_TRUE(in_a_row.again(Code::unreachable, rule, ServerId::random(random))) << "one was reached in between";
}

TEST(RetryPolicy, OldLayoutsAreLimitedByTheDeadlineOnly) {
  InARow in_a_row;
  Rule rule = rule_of(Trying::write, Code::stale_version);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(in_a_row.again(Code::stale_version, rule));
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

TEST(Backoff, P16_ApartGrowsToFourSecondsAndLeavesTimeForAnotherTry) {
  struct Row {
    Duration left, least, most;  // of a late pause
  };
  for (const Row& row : {Row{Duration::max(), 2s, 4s}, Row{8s, 2s, 4s}, Row{5s, 2s, 2500ms}, Row{3s, 1500ms, 1500ms},
                         Row{2s, 1s, 1s}, Row{100ms, 1s, 1s}}) {
    SCOPED_TRACE(to_ms(row.left));
    Random random(1);
    Backoff backoff;
    EXPECT_LE(backoff.before_next(Pause::apart, random, row.left), 20ms);
    for (int i = 0; i < 12; ++i) backoff.before_next(Pause::apart, random, row.left);
    for (int i = 0; i < 20; ++i) {
      const Duration pause = backoff.before_next(Pause::apart, random, row.left);
      EXPECT_GE(pause, row.least);
      EXPECT_LE(pause, row.most);
    }
  }
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
