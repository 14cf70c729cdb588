// CutWork: what a client does with files of its own that it writes to, cuts, lengthens and reads: what a file is then
// is known to the byte.
//
// The writes lie around the border of the first two chunks, and at the beginnings of chunks further behind, so that a
// cut takes whole chunks away. Copies of such files are made, which share their chunks, and treated likewise. With an
// operation that fails, or when all lose power, the file is left alone.
//
// Owned by a Client. One thread.
#pragma once

#include <map>
#include <string>

#include "base/random.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/workload.h"

namespace gfs::sim {

class CutWork {
 public:
  CutWork(SimExecutor& world, Shared& shared, Random& choices, client::Filesystem& filesystem)
      : world_(world), shared_(shared), choices_(choices), filesystem_(filesystem) {}

  Task<> one_file();

 private:
  // What the file should be: runs of bytes by offset, holes between them, none of the runs behind the size.
  struct Model {
    std::map<std::uint64_t, std::string> runs;
    std::uint64_t size = 0;
    void write(std::uint64_t offset, const std::string& bytes);
    void cut(std::uint64_t to);
    std::string read(std::uint64_t offset, std::uint64_t length) const;
  };

  Task<> write(std::string path, Model* model);
  Task<> cut(std::string path, Model* model);
  Task<> look(std::string path, const Model* model);
  std::uint64_t any_offset();

  SimExecutor& world_;
  Shared& shared_;
  Random& choices_;
  client::Filesystem& filesystem_;
};

}  // namespace gfs::sim
