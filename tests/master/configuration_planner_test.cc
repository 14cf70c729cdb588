// plan_configuration: who stays, who joins, who leads, for every way the members may stand. Servers are letters; a row
// gives each member as "A" and how it stands:
//   A sound   A? not reported yet   A! suspect (A~ of an older version)   A# damaged   A0 missing   A- away   A*
//   failing A/ drains A+ joining, here   A% joining, away     and a leading ' if it is not up, so that it may not lead
#include "master/configuration_planner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gfs::master {
namespace {

ServerId server(char name) {
  ServerId id;
  id.bytes[0] = static_cast<std::uint8_t>(name);
  return id;
}

char name_of_server(ServerId id) { return id.nil() ? '0' : static_cast<char>(id.bytes[0]); }

std::vector<Standpoint> parse(const std::string& text) {
  std::vector<Standpoint> members;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') {
      members.push_back({.server = server(c)});
      continue;
    }
    if (c == ' ') continue;
    Standpoint& last = members.back();
    if (c == '\'') last.up = false;
    if (c == '?') last.standing = Standing::unknown;
    if (c == '!' || c == '~') last.standing = Standing::suspect, last.stale = c == '~';
    if (c == '#') last.standing = Standing::damaged;
    if (c == '0') last.standing = Standing::missing;
    if (c == '-' || c == '%') last.standing = Standing::away, last.up = false;
    if (c == '*') last.standing = Standing::failing;
    if (c == '/') last.leaving = true;
    if (c == '+' || c == '%') last.counts = false;
    if (last.standing != Standing::sound) last.why = std::string("it is ") + c;
  }
  return members;
}

std::string show(const Result<std::optional<NextConfiguration>>& next) {
  if (!next) return name_of(next.error().code);
  if (!next->has_value()) return "as it is";
  const NextConfiguration& it = **next;
  std::string text;
  for (ServerId member : it.members) {
    text += name_of_server(member);
    if (std::find(it.joining.begin(), it.joining.end(), member) != it.joining.end()) text += '+';
    text += ' ';
  }
  return text + "led by " + name_of_server(it.primary) + (it.salvage ? ", salvaged" : "");
}

struct Besides {
  bool virgin = false, salvage = false, waited = false, renew = false;
  char lead = 0, follow = 0, enlist = 0;
  std::size_t minimum = 2;
  std::size_t goal = 3;
  bool settled = false;
  char lone = 0;
};

struct Row {
  std::string name, members, learners, expected;
  Besides besides;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Planning : public testing::TestWithParam<Row> {};

TEST_P(Planning, OfTheNextConfiguration) {
  const Row& row = GetParam();
  Situation situation;
  situation.members = parse(row.members);
  situation.primary = server('A');
  for (char c : row.learners) situation.learners.push_back(server(c));
  situation.minimum = row.besides.minimum;
  situation.goal = row.besides.goal;
  situation.settled = row.besides.settled;
  if (row.besides.lone != 0) situation.lone = {server(row.besides.lone)};
  situation.virgin = row.besides.virgin;
  situation.salvage = row.besides.salvage;
  situation.waited = row.besides.waited;
  situation.renew = row.besides.renew;
  if (row.besides.lead != 0) situation.lead = server(row.besides.lead);
  if (row.besides.follow != 0) situation.follow = server(row.besides.follow);
  if (row.besides.enlist != 0) situation.enlist = server(row.besides.enlist);
  EXPECT_EQ(show(plan_configuration(situation)), row.expected) << row.name;
}

TEST(Surplus, TheRackThatHasMostMembersLosesOneFirst) {
  Situation situation;
  situation.members = parse("A B C");
  situation.members[0].rack = situation.members[1].rack = "r1";
  situation.members[2].rack = "r2";
  situation.primary = server('A');
  situation.goal = 2;
  situation.settled = true;
  EXPECT_EQ(show(plan_configuration(situation)), "A C led by A");
}

INSTANTIATE_TEST_SUITE_P(
    Surplus, Planning,
    testing::Values(
        Row{"the last ones go", "A B C D", "", "A B C led by A", {.settled = true}},
        Row{"down to one", "B A C", "", "A led by A", {.minimum = 1, .goal = 1, .settled = true}},
        Row{"never below the minimum", "A B C", "", "A B led by A", {.goal = 1, .settled = true}},
        Row{"who leads next stays", "A B C", "", "A C led by C", {.lead = 'C', .goal = 2, .settled = true}},
        Row{"who may acknowledge alone stays", "A B C", "", "A C led by A", {.goal = 2, .settled = true, .lone = 'C'}},
        Row{"who drains goes first", "A B/ C D", "", "A C D led by A", {.settled = true}},
        Row{"who drains goes even if it leads", "A/ B C D", "", "B C D led by B", {.settled = true}},
        Row{"X04: two drain, one more is there: one goes at a time",
            "A/ B/ C D",
            "",
            "A C D led by C",
            {.settled = true}},
        Row{"who drains stays while nobody makes up for it", "A/ B C", "", "as it is", {.settled = true}},
        Row{"who drains and may acknowledge alone stays, and hands over",
            "A/ B C D",
            "",
            "A B C D led by B",
            {.settled = true, .lone = 'A'}},
        Row{"nobody goes instead of it", "A B/ C D", "", "as it is", {.settled = true, .lone = 'B'}},
        Row{"a single one that drains hands over first",
            "A/ B",
            "",
            "A B led by B",
            {.minimum = 1, .goal = 1, .settled = true, .lone = 'A'}},
        Row{"and goes then", "A/ B", "", "B led by B", {.minimum = 1, .goal = 1, .settled = true, .lone = 'B'}},
        Row{"not while one is in doubt", "A B C D?", "", "as it is", {.settled = true}},
        Row{"not while one is away for a moment", "A B C D'", "", "as it is", {.settled = true}},
        Row{"not before all have it for sure", "A B C D", "", "as it is"},
        Row{"not when one more is just joining", "A B C", "", "A B C D+ led by A", {.enlist = 'D', .settled = true}}));

INSTANTIATE_TEST_SUITE_P(
    Members, Planning,
    testing::Values(Row{"all is well", "A B C", "", "as it is"},
                    Row{"a new version was asked for", "A B C", "", "A B C led by A", {.renew = true}},
                    Row{"a secondary is away", "A B- C", "", "A C led by A"},
                    Row{"the primary is away", "A- B C", "", "B C led by B"},
                    Row{"the primary is not registered", "A?' B C-", "", "A B led by B"},
                    Row{"I03: only one has reported yet, the others have their time", "A B? C?", "", "as it is"},
                    Row{"I03: nobody has reported, and one is away", "A? B? C-", "", "unavailable"},
                    Row{"never below the minimum", "A B- C-", "", "not_enough_servers"},
                    Row{"I33: learner in, dead out, in one change", "A B-", "D", "A D+ led by A"},
                    Row{"I33: as many learners as one must have", "A B- C-", "DE", "A D+ led by A"},
                    Row{"a goal of one or two has a minimum of one", "A B-", "", "A led by A", {.minimum = 1}},
                    Row{"a damaged member whose server is here joins again", "A B# C-", "B", "A B+ led by A"},
                    Row{"so does one that lost its replica", "A B0 C-", "B", "A B+ led by A"},
                    Row{"the last good one is never dropped", "A- B- C-", "DE", "unavailable"},
                    Row{"a joining member counts for nothing", "A- B+", "DE", "unavailable"},
                    Row{"a joining member that died is dropped", "A B C%", "", "A B led by A"},
                    Row{"a joining member that died is replaced", "A B%", "D", "A D+ led by A"},
                    Row{"a joining member does not lead", "A- B C+", "", "B C+ led by B"},
                    Row{"a member that keeps failing goes", "A B* C", "", "A C led by A"}));

INSTANTIATE_TEST_SUITE_P(
    Suspects, Planning,
    testing::Values(Row{"a suspect member stays and is mended", "A B! C", "", "A B C led by A"},
                    Row{"of an older version: making the present one active mends it", "A B~ C", "", "as it is"},
                    Row{"a suspect primary gives way", "A! B C", "", "A B C led by B"},
                    Row{"I24: all are suspect, and all are here", "A! B! C!", "", "A B C led by A, salvaged"},
                    Row{"I24: one is missing: it may be the good one", "A! B! C-", "", "unavailable"},
                    Row{"I24: it was waited for", "A! B! C-", "", "A B led by A, salvaged", {.waited = true}},
                    Row{"I24: one is here but has not reported", "A! B! C?", "", "A B C led by C"},
                    Row{"I24: one that lost its replica has had its say", "A! B! C0", "", "A B led by A, salvaged"},
                    Row{"a salvage that is under way", "A~ B~ C~", "", "as it is", {.salvage = true}},
                    Row{"after a salvage the mark is not needed", "A B C", "", "as it is", {.salvage = true}},
                    Row{"all are missing: there is nothing better", "A0 B0 C0", "", "as it is"}));

INSTANTIATE_TEST_SUITE_P(
    Damaged, Planning,
    testing::Values(Row{"it goes where somebody is sound", "A# B C", "", "B C led by B"},
                    Row{"one with a bad block is better than suspect ones", "A# B! C!", "", "A B C led by A"},
                    Row{"and leads them", "A! B! C#", "", "A B C led by C"},
                    Row{"a version of theirs is tried as it is", "A# B~ C~", "", "as it is"},
                    Row{"a salvage that was decided for others is not repeated",
                        "A# B! C!",
                        "",
                        "A B C led by A",
                        {.salvage = true}},
                    Row{"if it is enough, it goes on alone", "A# B! C!", "", "A led by A", {.minimum = 1}},
                    Row{"two are enough", "A# B! C#", "D", "A C led by A"},
                    Row{"all have bad blocks, perhaps different ones", "A# B# C#", "D", "as it is"},
                    Row{"all of them stay in a new version, too", "A# B# C#", "", "A B C led by A", {.renew = true}},
                    Row{"those not heard yet may be sound", "A# B? C?", "", "as it is"},
                    Row{"who is away may be sound", "A# B# C-", "D", "unavailable"},
                    Row{"who is away may be sound, suspect ones do not replace it", "A# B! C-", "D", "unavailable"},
                    Row{"it was waited for", "A# B! C-", "", "A B led by A", {.waited = true}},
                    Row{"of a virgin chunk nothing is lost", "A# B C", "D", "B C D led by B", {.virgin = true}}));

INSTANTIATE_TEST_SUITE_P(
    Wishes, Planning,
    testing::Values(
        Row{"I25: a virgin chunk gets any other servers", "A- B C", "D", "B C D led by B", {.virgin = true}},
        Row{"I25: nobody of a virgin chunk needs to be left", "A- B- C-", "DEF", "D E F led by D", {.virgin = true}},
        Row{"somebody else is to lead", "A B C", "", "A B C led by C", {.lead = 'C', .follow = 'A'}},
        Row{"I22: of two, the accused leads", "A B", "", "A B led by B", {.lead = 'B', .follow = 'A'}},
        Row{"the lease is revoked", "A B C", "", "A B C led by B", {.renew = true, .follow = 'A'}},
        Row{"the lease is revoked where nobody else can lead",
            "A B?'",
            "",
            "A B led by A",
            {.renew = true, .follow = 'A'}},
        Row{"a learner is enlisted", "A B", "", "A B D+ led by A", {.enlist = 'D'}},
        Row{"a learner is enlisted where one is dead", "A B-", "", "A D+ led by A", {.enlist = 'D'}}));

}  // namespace
}  // namespace gfs::master
