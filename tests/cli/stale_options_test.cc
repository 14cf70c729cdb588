// --stale-ok and --shadow on the command line and in the environment: what they may be, and that nothing is said of
// shadows where the master answered.
#include <gmock/gmock.h>
#include <stdlib.h>

#include "client_cli/cli/exit_code.h"
#include "tests/cli/cli_fixture.h"

namespace gfs::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class CliStaleOptions : public CliTest {};

TEST_F(CliStaleOptions, AShadowIsNamedOnlyWhereOldIsGoodEnough) {
  Said said = plain({"--master", "tcp://127.0.0.1:1", "--shadow", "tcp://127.0.0.1:2", "ls", "/"});
  EXPECT_EQ(said.code, kUsage);
  EXPECT_THAT(said.err, HasSubstr("--stale-ok"));
  for (const char* list : {"127.0.0.1:2", "tcp://127.0.0.1:2,somewhere"}) {
    said = plain({"--master", "tcp://127.0.0.1:1", "--stale-ok", "--shadow", list, "ls", "/"});
    EXPECT_EQ(said.code, kUsage) << list;
    EXPECT_THAT(said.err, HasSubstr("is not an address"));
  }
}

TEST_F(CliStaleOptions, WhereTheMasterAnswersNothingIsDifferent) {
  ok({"mkdir", remote("d")});
  Said said = gfs({"--stale-ok", "--shadow", "tcp://127.0.0.1:1,tcp://127.0.0.1:2", "ls", top_});
  EXPECT_EQ(said.code, 0);
  EXPECT_EQ(said.out, "d\n");
  EXPECT_THAT(said.err, IsEmpty());
}

TEST_F(CliStaleOptions, TheEnvironmentMayNameThem) {
  ok({"mkdir", remote("d")});
  setenv("GFS_SHADOW", "no address", 1);
  EXPECT_EQ(gfs({"ls", top_}).code, 0) << "not used without permission";
  setenv("GFS_STALE_OK", "0", 1);
  EXPECT_EQ(gfs({"ls", top_}).code, 0);
  setenv("GFS_STALE_OK", "1", 1);
  EXPECT_EQ(gfs({"ls", top_}).code, kUsage);
  setenv("GFS_SHADOW", "tcp://127.0.0.1:1", 1);
  EXPECT_EQ(gfs({"ls", top_}).code, 0);
  unsetenv("GFS_SHADOW");
  unsetenv("GFS_STALE_OK");
}

}  // namespace
}  // namespace gfs::cli
