// PosixFile: a File by descriptor. The descriptor is shared with the operations in flight, which may outlive the File.
// Descriptor, errno_failure, clone_file: what PosixDisk and PosixFile share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer_pool.h"
#include "base/disk.h"
#include "base/disk_workers.h"

namespace gfs {

class Descriptor {
 public:
  Descriptor(int number, std::string path) : number_(number), path_(std::move(path)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  int number() const { return number_; }
  const std::string& path() const { return path_; }

 private:
  const int number_;
  const std::string path_;
};

// "cannot write DIR/x: No space left on device", with the Code that the number means.
std::unexpected<Error> errno_failure(int number, std::string_view verb, std::string_view path);

// Makes the target's bytes those of the source. invalid_argument if they are one file.
Result<> clone_file(const Descriptor& source, const Descriptor& target);

class PosixFile final : public File {
 public:
  PosixFile(std::shared_ptr<const Descriptor> descriptor, bool writable, std::shared_ptr<DiskWorkers> workers,
            std::shared_ptr<BufferPool> buffers)
      : descriptor_(std::move(descriptor)),
        writable_(writable),
        workers_(std::move(workers)),
        buffers_(std::move(buffers)) {}

  Future<Bytes> read(std::uint64_t offset, std::size_t size) override;
  Future<void> write(std::uint64_t offset, Bytes bytes) override;
  Future<void> sync() override;
  Future<void> truncate(std::uint64_t size) override;
  Future<std::uint64_t> size() override;

 private:
  std::optional<Bytes> read_cached(std::uint64_t offset, std::size_t size) const;

  const std::shared_ptr<const Descriptor> descriptor_;
  const bool writable_;
  const std::shared_ptr<DiskWorkers> workers_;
  const std::shared_ptr<BufferPool> buffers_;
};

}  // namespace gfs
