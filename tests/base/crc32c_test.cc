// CRC32C: the standard's values, continuation, and zeros without touching zeros.
#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace gfs {
namespace {

TEST(Crc32c, StandardValues) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32c, ContinuesAtAnyPoint) {
  Random random(1);
  std::string text(3000, '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  for (std::size_t cut : {0, 1, 7, 8, 512, 1023, 2999, 3000}) {
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text)) << cut;
  }
}

TEST(Crc32c, ZerosAreAsIfTheyWereThere) {
  for (std::size_t size : {0, 1, 2, 3, 7, 64, 511, 65536, 1000003}) {
    std::string zeros(size, '\0');
    EXPECT_EQ(crc32c_zeros(size), crc32c(zeros)) << size;
    EXPECT_EQ(crc32c_zeros(size, crc32c("abc")), crc32c(zeros, crc32c("abc"))) << size;
  }
  // Beyond 2^31, where a table of powers that is too short begins to repeat.
  std::size_t far = (std::size_t{1} << 33) + 5;
  EXPECT_EQ(crc32c_zeros(far, 77), crc32c_zeros(5, crc32c_zeros(far - 5, 77)));
  std::uint32_t in_steps = 77;
  for (int i = 0; i < 8; ++i) in_steps = crc32c_zeros(std::size_t{1} << 30, in_steps);
  EXPECT_EQ(crc32c_zeros(std::size_t{1} << 33, 77), in_steps);
}

}  // namespace
}  // namespace gfs
