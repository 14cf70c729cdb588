// startup_bench DIR [--chunks N]: cat:C16, how long a chunkserver's disk takes until it can serve: N chunks of 64 MiB (their
// metadata; data files are not read at the start) are put into DIR, then a store is opened on them, once with what the
// page cache has and, if it may, once without. Prints figures; nothing is asserted. DIR must be empty or missing, and is
// removed at the end.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/posix_disk.h"
#include "base/random.h"
#include "chunkserver/chunk_store.h"

namespace gfs::chunkserver {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void fill(const std::string& directory, std::uint64_t chunks) {
  Random random(1);
  ChunkMeta meta{.version = {3}, .serial = {17}, .length = kChunkSize, .fence = {3}};
  meta.checksums.resize(kBlocks);
  for (std::uint64_t i = 1; i <= chunks; ++i) {
    meta.handle = {i};
    meta.lsn = i;
    for (std::uint32_t& checksum : meta.checksums) checksum = static_cast<std::uint32_t>(random.next());
    const std::string path = directory + "/" + meta_path(meta.handle);
    if (i <= 256) std::filesystem::create_directories(directory + "/" + chunk_folder(meta.handle));
    std::ofstream(path, std::ios::binary) << encode_meta(meta);
  }
}

void open(const std::string& directory, const char* how) {
  EventLoop loop;
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(directory, loop, {});
  if (!disk) std::exit(1);
  ChunkStore store(loop, **disk, {});
  const auto begun = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  Result<> opened = loop.run(store.open());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  if (!opened) {
    fmt::print(stderr, "startup_bench: {}\n", opened.error().text());
    std::exit(1);
  }
  fmt::print("startup  {} chunks, {}: {:.2f} s, {:.2f} s of CPU\n", store.count(), how, took.count(),
             cpu_seconds() - cpu);
  (void)loop.run(store.close());
}

int run(const std::string& directory, std::uint64_t chunks) {
  log::set_level(log::Level::warn);
  if (std::filesystem::exists(directory) && !std::filesystem::is_empty(directory)) {
    fmt::print(stderr, "startup_bench: {} is not empty\n", directory);
    return 2;
  }
  fill(directory, chunks);
  open(directory, "from the page cache");
  sync();
  const int drop = ::open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
  if (drop >= 0 && ::write(drop, "3", 1) == 1) open(directory, "from the disk");
  if (drop >= 0) ::close(drop);
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace gfs::chunkserver

int main(int argc, char** argv) {
  const bool counted = argc == 4 && std::string_view(argv[2]) == "--chunks";
  if (argc != 2 && !counted) {
    std::fputs("Usage: startup_bench DIR [--chunks N]\n", stderr);
    return 2;
  }
  return gfs::chunkserver::run(argv[1], counted ? std::strtoull(argv[3], nullptr, 10) : 500'000);
}
