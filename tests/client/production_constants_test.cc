// E15: constants that were shrunk for debugging and left in. What programs outside rely on, and what the timing of
// failures was thought through for, is asserted here with its production value.
#include <gtest/gtest.h>

#include "base/units.h"
#include "bus/bus.h"
#include "bus/endpoint.h"
#include "chunkserver/chunk_format.h"
#include "chunkserver/chunkserver.h"
#include "client_cli/client/filesystem.h"
#include "master/master.h"

namespace gfs {
namespace {

TEST(ProductionConstants, E15SizesAreTheDocumentedOnes) {
  EXPECT_EQ(chunkserver::kChunkSize, 64 * MiB);
  EXPECT_EQ(chunkserver::kBlockSize, 64 * KiB);
  EXPECT_EQ(chunkserver::kFragmentMax, 1 * MiB);
  EXPECT_EQ(chunkserver::Settings{}.staging_max, 256 * MiB);
  EXPECT_EQ(client::Settings{}.fragment, 1 * MiB);
  EXPECT_EQ(client::Settings{}.window, 8 * MiB);
  EXPECT_EQ(client::Settings{}.read_ahead, 4 * MiB);
  EXPECT_EQ(master::Settings{}.log_segment, 64 * MiB);
  EXPECT_EQ(master::Settings{}.checkpoint_after, 256 * MiB);
  EXPECT_EQ(master::Settings{}.trash, 72h);
  EXPECT_EQ(master::Settings{}.replicas, 3u);
  EXPECT_EQ(master::Settings{}.minimum_for_writing, 2u);
}

TEST(ProductionConstants, E15TimesAreTheDocumentedOnes) {
  EXPECT_EQ(master::Settings{}.heartbeat, 1s);
  EXPECT_EQ(master::Settings{}.suspect_after, 3s);
  EXPECT_EQ(master::Settings{}.lost_after, 10s);
  EXPECT_EQ(master::Settings{}.lease, 60s);
  EXPECT_EQ(client::Settings{}.deadline, 30s);
  EXPECT_EQ(client::Settings{}.call_deadline, 5s);
  EXPECT_EQ(client::Settings{}.layout_age, 30s);
  EXPECT_EQ(bus::CallOptions{}.deadline, 5s);
}

}  // namespace
}  // namespace gfs
