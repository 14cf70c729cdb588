// Who is the base of a new version, as a table; and how far a replica may be read.
#include "chunkserver/reconcile.h"

#include <gtest/gtest.h>

#include "chunkserver/commit_marks.h"

namespace gfs::chunkserver {
namespace {

struct Held {
  std::uint64_t version = 0, serial = 0;
  bool joining = false, suspect = false, damaged = false;
};

struct Row {
  const char* name;
  std::vector<Held> members;
  bool salvage = false;
  int base = -1;  // -1: nobody
  Code code = Code::ok;
};

TEST(Reconcile, TheMostAdvancedThatCountsIsTheBase) {
  const std::vector<Row> rows = {
      {"all equal: the first", {{5, 3}, {5, 3}, {5, 3}}, false, 0},
      {"the higher serial", {{5, 3}, {5, 4}, {5, 2}}, false, 1},
      {"a version that was never active, but adopted by one", {{5, 9}, {6, 0}}, false, 1},
      {"I09: who joins is never the base, however far", {{5, 3}, {6, 9, true}}, false, 0},
      {"I05: who is suspect is not the base, however far", {{5, 3}, {5, 9, false, true}}, false, 0},
      {"a damaged one only if nobody else", {{5, 3}, {5, 9, false, false, true}}, false, 0},
      {"a damaged one before a suspect one", {{5, 9, false, true}, {5, 3, false, false, true}}, false, 1},
      {"I24: all suspect", {{5, 3, false, true}, {5, 4, false, true}}, false, -1, Code::suspect},
      {"I24: all suspect, on the master's word", {{5, 3, false, true}, {5, 4, false, true}}, true, 1},
      {"salvage does not prefer the suspect", {{5, 3}, {5, 4, false, true}}, true, 0},
      {"nobody holds it", {{}, {}}, false, -1, Code::not_found},
      {"only one that joins holds it", {{}, {4, 1, true}}, false, -1, Code::not_found},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    std::vector<MemberState> members;
    for (const Held& held : row.members) {
      MemberState member;
      member.joining = held.joining;
      member.held = held.version != 0;
      member.state.version = Version{held.version};
      member.state.serial = Serial{held.serial};
      member.state.suspect = held.suspect;
      member.state.damaged = held.damaged;
      members.push_back(member);
    }
    Result<std::size_t> base = choose_base(members, row.salvage);
    if (row.base < 0) {
      ASSERT_FALSE(base);
      EXPECT_EQ(base.error().code, row.code);
    } else {
      ASSERT_TRUE(base) << base.error().text();
      EXPECT_EQ(*base, static_cast<std::size_t>(row.base));
    }
  }
}

TEST(Reconcile, WhoeverIsInDoubtIsLookedAtEvenIfHeSaysTheSame) {
  bus::ReplicaState base;
  base.version = Version{3};
  base.length = 10;
  base.digest = 7;
  MemberState member{false, true, base};
  EXPECT_FALSE(differs(member, base));
  member.state.serial = Serial{9};
  EXPECT_TRUE(differs(member, base));  // equal checksums are not enough
  member.state.serial = base.serial;
  member.state.suspect = true;
  EXPECT_TRUE(differs(member, base));
  member.state.suspect = false;
  member.state.damaged = true;
  EXPECT_TRUE(differs(member, base));
  member.state.damaged = false;
  member.state.sealed = true;
  EXPECT_TRUE(differs(member, base));
  EXPECT_TRUE(differs(MemberState{}, base));
}

TEST(CommitMarks, OnlyWhatThePrimaryCalledCommittedMayBeRead) {
  const ChunkHandle chunk{7};
  const Version version{2};
  CommitMarks marks;
  EXPECT_FALSE(marks.readable(chunk, version, Serial{}, 100));  // after a restart nothing is known
  marks.began(chunk, version, 100, "tcp://cs0:7510");
  EXPECT_FALSE(marks.readable(chunk, version, Serial{}, 100));  // nor before the version is active
  marks.committed(chunk, version, Serial{});
  EXPECT_EQ(marks.readable(chunk, version, Serial{}, 100), 100u);
  marks.applied(chunk, version, Serial{1}, 150);
  marks.applied(chunk, version, Serial{2}, 200);
  EXPECT_EQ(marks.readable(chunk, version, Serial{2}, 200), 100u);
  marks.committed(chunk, version, Serial{1});
  EXPECT_EQ(marks.readable(chunk, version, Serial{2}, 200), 150u);
  marks.committed(chunk, version, Serial{});  // late
  EXPECT_EQ(marks.readable(chunk, version, Serial{2}, 200), 150u);
  marks.committed(chunk, Version{1}, Serial{9});  // of another version
  EXPECT_EQ(marks.readable(chunk, version, Serial{2}, 200), 150u);
  marks.committed(chunk, version, Serial{2});
  EXPECT_EQ(marks.readable(chunk, version, Serial{2}, 200), 200u);
  EXPECT_FALSE(marks.readable(chunk, Version{3}, Serial{}, 200));
}

TEST(CommitMarks, WhatWasNotSeenFromTheBeginningIsNotGuessed) {
  const ChunkHandle chunk{7};
  const Version version{2};
  CommitMarks marks;
  marks.applied(chunk, version, Serial{5}, 500);
  marks.applied(chunk, version, Serial{6}, 600);
  marks.committed(chunk, version, Serial{4});  // how long it was then is not known here
  EXPECT_FALSE(marks.readable(chunk, version, Serial{6}, 600));
  marks.committed(chunk, version, Serial{5});
  EXPECT_EQ(marks.readable(chunk, version, Serial{6}, 600), 500u);
}

}  // namespace
}  // namespace gfs::chunkserver
