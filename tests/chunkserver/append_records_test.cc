// What a chunk remembers of appends: what is asked again is answered as it was, nothing is done twice, gaps are
// refused, and what is forgotten is forgotten by everybody alike.
#include "chunkserver/append_records.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace gfs::chunkserver {
namespace {

ClientId client(std::uint64_t number) {
  ClientId id;
  for (int i = 0; i < 8; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)));
  return id;
}

AppendRecord record(std::uint64_t first, std::uint32_t count = 1, std::int64_t time_ms = 1000) {
  return {.first = first,
          .count = count,
          .index = 2,
          .offset = first * 10,
          .size = 10 * count,
          .digest = static_cast<std::uint32_t>(first * 7),
          .time_ms = time_ms};
}

TEST(AppendRecords, JudgesByWhatItRemembers) {
  AppendRecords known;  // of client 1: 10..12 and 13; client 9 was forgotten at 500
  known.add(client(9), record(1, 1, 500));
  known.expire(500 + AppendRecords::kKeptMs + 1);
  ASSERT_EQ(known.expired_ms(), 501);
  known.add(client(1), record(10, 3));
  known.add(client(1), record(13));

  constexpr Code kFree = Code::ok;
  constexpr Code kRepeat = Code::already_exists;
  struct Case {
    const char* name;
    std::uint64_t who;
    std::uint64_t first;
    std::uint32_t count;
    std::uint64_t previous;
    std::int64_t asked_ms;
    std::uint64_t pending_last;
    Code outcome;
  };
  const Case cases[] = {
      {"the next one", 1, 14, 1, 0, 1000, 0, kFree},
      {"the next one after the last, still undecided", 1, 14, 1, 13, 1000, 0, kFree},
      {"after an undecided batch, named by its first", 1, 14, 1, 10, 1000, 0, kFree},
      {"sequences may be left out", 1, 20, 5, 13, 1000, 0, kFree},
      {"the batch again", 1, 10, 3, 0, 1000, 0, kRepeat},
      {"the last one again, however old", 1, 13, 1, 10, 1, 0, kRepeat},
      {"the batch with another count", 1, 10, 2, 0, 1000, 0, Code::invalid_argument},
      {"the middle of a batch", 1, 11, 1, 0, 1000, 0, Code::record_expired},
      {"before the oldest", 1, 9, 1, 0, 1000, 0, Code::record_expired},
      {"its previous one has not come", 1, 15, 1, 14, 1000, 0, Code::out_of_sequence},
      {"its previous one is on its way", 1, 15, 1, 14, 1000, 14, kFree},
      {"behind what is on its way", 1, 14, 1, 0, 1000, 15, Code::record_expired},
      {"a new client", 2, 1, 1, 0, 502, 0, kFree},
      {"a new client's second before its first", 2, 2, 1, 1, 502, 0, Code::out_of_sequence},
      {"a new client's second behind its first", 2, 2, 1, 1, 502, 1, kFree},
      {"an unknown client from before", 2, 1, 1, 0, 501, 0, Code::record_expired},
      {"the forgotten one's repeat", 9, 1, 1, 0, 400, 0, Code::record_expired},
      {"no client", 0, 1, 1, 0, 1000, 0, Code::invalid_argument},
      {"no sequence", 2, 0, 1, 0, 1000, 0, Code::invalid_argument},
      {"no records", 2, 1, 0, 0, 1000, 0, Code::invalid_argument},
      {"sequences that wrap", 2, UINT64_MAX, 2, 0, 1000, 0, Code::invalid_argument},
  };
  for (const Case& test : cases) {
    AppendRecords::Ask ask{.id = {client(test.who), test.first},
                           .count = test.count,
                           .size = 10 * test.count,
                           .digest = static_cast<std::uint32_t>(test.first * 7),
                           .previous = test.previous,
                           .asked_ms = test.asked_ms};
    Result<std::optional<AppendRecord>> verdict = known.judge(ask, test.pending_last);
    const Code outcome = !verdict ? verdict.error().code : *verdict ? kRepeat : kFree;
    EXPECT_EQ(name_of(outcome), name_of(test.outcome)) << test.name;
    if (outcome == kRepeat) EXPECT_EQ((*verdict)->first, test.first) << test.name;
  }
  AppendRecords::Ask other{.id = {client(1), 13}, .count = 1, .size = 10, .digest = 1};
  EXPECT_EQ(known.judge(other, 0).error().code, Code::invalid_argument);
}

TEST(AppendRecords, NothingHasExpiredWhereNothingWasForgotten) {
  AppendRecords known;
  EXPECT_TRUE(known.empty());
  AppendRecords::Ask ask{.id = {client(1), 1}, .count = 1, .size = 1, .digest = 1, .previous = 0, .asked_ms = 0};
  EXPECT_TRUE(known.judge(ask, 0));
}

TEST(AppendRecords, ABatchDoneBeforeIsNotAddedAgain) {
  AppendRecords known;
  known.add(client(1), record(5, 3));
  AppendRecords once = known;
  known.add(client(1), record(5, 3));
  known.add(client(1), record(6));
  EXPECT_EQ(known, once);
}

TEST(AppendRecords, OfOneClientTheLatestBatchesStay) {
  AppendRecords known;
  for (std::uint64_t i = 1; i <= 100; ++i) known.add(client(1), record(i));
  EXPECT_EQ(known.size(), AppendRecords::kPerClientMax);
  EXPECT_EQ(known.expired_ms(), 0);  // the client is known: what is older is refused by its sequence
  AppendRecords::Ask ask{.id = {client(1), 36}, .count = 1, .size = 10, .digest = 36 * 7};
  EXPECT_EQ(known.judge(ask, 0).error().code, Code::record_expired);
  ask.id.sequence = 37;
  ask.digest = 37 * 7;
  EXPECT_TRUE(*known.judge(ask, 0));
}

TEST(AppendRecords, OfAllClientsTogetherEachKeepsItsShare) {
  AppendRecords known;
  for (std::uint64_t i = 1; i <= 64; ++i) {
    for (std::uint64_t who = 1; who <= 200; ++who) known.add(client(who), record(i));
    EXPECT_LE(known.size(), AppendRecords::kRecordsMax);
  }
  EXPECT_GT(known.size(), AppendRecords::kRecordsMax / 2);
  EXPECT_EQ(known.expired_ms(), 0);
  for (std::uint64_t who = 1; who <= 200; ++who) {
    AppendRecords::Ask ask{.id = {client(who), 64}, .count = 1, .size = 10, .digest = 64 * 7};
    EXPECT_TRUE(*known.judge(ask, 0)) << who;
  }
}

TEST(AppendRecords, OfTooManyClientsTheOnesQuietLongestGo) {
  AppendRecords known;
  for (std::uint64_t who = 1; who <= AppendRecords::kClientsMax + 10; ++who) {
    known.add(client(who), record(1, 1, static_cast<std::int64_t>(10 * who)));
  }
  EXPECT_EQ(known.size(), AppendRecords::kClientsMax);
  EXPECT_EQ(known.expired_ms(), 100);
  AppendRecords::Ask ask{.id = {client(10), 1}, .count = 1, .size = 10, .digest = 7, .previous = 0, .asked_ms = 90};
  EXPECT_EQ(known.judge(ask, 0).error().code, Code::record_expired);
  ask.id.client = client(11);
  EXPECT_TRUE(*known.judge(ask, 0));
}

TEST(AppendRecords, TimeTakesOldBatchesAndClientsThatWereSilent) {
  AppendRecords known;
  known.add(client(1), record(1, 1, 1000));
  known.add(client(1), record(2, 1, 5000));
  known.add(client(2), record(1, 1, 2000));
  known.expire(1000 + AppendRecords::kKeptMs);
  EXPECT_EQ(known.size(), 3u);
  known.expire(1001 + AppendRecords::kKeptMs);
  EXPECT_EQ(known.size(), 2u);
  EXPECT_EQ(known.expired_ms(), 0);  // client 1 is known still
  known.expire(3000 + AppendRecords::kKeptMs);
  EXPECT_EQ(known.size(), 1u);
  EXPECT_EQ(known.expired_ms(), 3000);
  known.expire(1ll << 50);
  EXPECT_EQ(known.size(), 0u);
  EXPECT_FALSE(known.empty());  // it knows that it has forgotten
  EXPECT_EQ(known.expired_ms(), (1ll << 50) - AppendRecords::kKeptMs);
}

TEST(AppendRecords, AnImportBringsWhatTheEarlierChunkKnewAndTakesNothing) {
  AppendRecords earlier;
  earlier.add(client(9), record(1, 1, 1));
  earlier.expire(2 + AppendRecords::kKeptMs);
  for (std::uint64_t i = 1; i <= 5; ++i) earlier.add(client(1), record(i));
  earlier.add(client(2), record(1));
  AppendRecords own;
  own.add(client(1), record(4));
  own.add(client(1), record(8));
  own.add(client(3), record(1));
  AppendRecords before = own;
  own.import(earlier);
  EXPECT_EQ(own.size(), 6u + 2u);
  EXPECT_EQ(own.expired_ms(), earlier.expired_ms());
  AppendRecords twice = own;
  twice.import(earlier);
  EXPECT_EQ(twice, own);
  twice.import(before);
  EXPECT_EQ(twice, own);
  for (std::uint64_t first : {1, 2, 3, 4, 5, 8}) {
    AppendRecords::Ask ask{
        .id = {client(1), first}, .count = 1, .size = 10, .digest = static_cast<std::uint32_t>(first * 7)};
    EXPECT_TRUE(*own.judge(ask, 0)) << first;
  }
}

// The same calls in the same order, some of them after a journey: equal records, equal digests.
TEST(AppendRecords, EveryMemberRemembersTheSame) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    AppendRecords one, other;
    std::map<std::uint64_t, std::uint64_t> next;
    std::int64_t now = 1000;
    for (int i = 0; i < 400; ++i) {
      now += static_cast<std::int64_t>(random.below(random.chance(0.02) ? AppendRecords::kKeptMs : 60'000));
      const std::uint64_t who = 1 + random.below(12);
      const AppendRecord added = record(next[who] + 1, 1 + static_cast<std::uint32_t>(random.below(3)), now);
      next[who] = added.first + added.count - 1;
      for (AppendRecords* records : {&one, &other}) {
        records->expire(now);
        records->add(client(who), added);
      }
      if (!random.chance(0.1)) continue;
      Result<AppendRecords> back = AppendRecords::decode(other.encode());
      ASSERT_TRUE(back) << back.error().text();
      other = std::move(*back);
      ASSERT_EQ(one, other);
      ASSERT_EQ(one.size(), other.size());
      ASSERT_EQ(one.digest(), other.digest());
    }
  }
}

TEST(AppendRecords, HostileBytesAreRefused) {
  AppendRecords known;
  for (std::uint64_t who = 1; who <= 3; ++who) {
    for (std::uint64_t i = 1; i <= 4; ++i) known.add(client(who), record(10 * i, 3));
  }
  const std::string good = known.encode();
  EXPECT_LE(good.size(), 64 * known.size() + 64);
  EXPECT_EQ(*AppendRecords::decode(good), known);
  EXPECT_TRUE(AppendRecords::decode("")->empty());
  EXPECT_EQ(AppendRecords{}.encode(), "");
  EXPECT_EQ(AppendRecords{}.digest(), 0u);
  for (std::size_t size = 1; size < good.size(); ++size)
    EXPECT_FALSE(AppendRecords::decode(good.substr(0, size))) << size;
  EXPECT_FALSE(AppendRecords::decode(good + '\0'));
  EXPECT_FALSE(AppendRecords::decode(std::string(12, '\0')));
  EXPECT_FALSE(AppendRecords::decode(std::string(100, '\xff')));
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    for (std::uint64_t j = 0; j <= random.below(3); ++j)
      bad[random.below(bad.size())] = static_cast<char>(random.next());
    Result<AppendRecords> decoded = AppendRecords::decode(bad);
    if (!decoded) {
      EXPECT_EQ(decoded.error().code, Code::malformed);
    } else {
      ASSERT_EQ(decoded->encode(), bad);  // there is one way to say a thing
    }
  }
}

}  // namespace
}  // namespace gfs::chunkserver
