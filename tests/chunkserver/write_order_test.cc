// WriteOrder: one row per question: what has happened to the serials so far, and whose turn it is.
#include "chunkserver/write_order.h"

#include <gtest/gtest.h>

namespace gfs::chunkserver {
namespace {

using Turn = WriteOrder::Turn;

TEST(WriteOrder, TurnsFollowWhatWasStartedAndApplied) {
  struct Row {
    const char* name;
    std::uint64_t applied, started, failed, asked;
    Turn turn;
  };
  for (const Row& row :
       {Row{"the first", 0, 0, 0, 1, Turn::now}, Row{"a gap", 0, 0, 0, 2, Turn::later},
        Row{"again", 3, 3, 0, 3, Turn::repeat}, Row{"long ago", 3, 3, 0, 1, Turn::repeat},
        Row{"being applied", 3, 5, 0, 4, Turn::under_way}, Row{"behind those under way", 3, 5, 0, 6, Turn::now},
        Row{"a gap behind those", 3, 5, 0, 7, Turn::later}, Row{"after a failure it again", 3, 5, 4, 4, Turn::now},
        Row{"those after it have failed too", 3, 5, 4, 5, Turn::later},
        Row{"what was applied cannot fail", 3, 3, 2, 3, Turn::repeat}}) {
    WriteOrder order(Version{1}, Serial{row.applied});
    if (row.started > row.applied) order.start(Serial{row.started});
    if (row.failed != 0) order.failed(Serial{row.failed});
    EXPECT_EQ(order.turn_of(Serial{row.asked}), row.turn) << row.name;
  }
}

}  // namespace
}  // namespace gfs::chunkserver
