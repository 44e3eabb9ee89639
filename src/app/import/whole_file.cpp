#include "app/import/whole_file.hpp"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace guildhall::app {

WholeFile::WholeFile(std::filesystem::path path, bool is_secret)
    : path_(std::move(path)), unfinished_(path_.string() + ".unfinished") {
    // The mode is given when it is made: a moment later another could have opened it.
    const int file = ::open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, is_secret ? 0600 : 0644);
    if (file < 0) throw std::system_error(errno, std::generic_category(), unfinished_.string());
    ::close(file);
    out_.open(unfinished_, std::ios::binary);
    if (!out_) throw std::runtime_error(unfinished_.string() + " cannot be written");
}

WholeFile::~WholeFile() {
    if (!out_.is_open()) return;
    out_.close();
    std::error_code ignored;
    std::filesystem::remove(unfinished_, ignored);
}

void WholeFile::commit() {
    out_.flush();
    if (!out_) throw std::runtime_error(unfinished_.string() + " could not be written to its end");
    out_.close();
    std::filesystem::rename(unfinished_, path_);
}

}  // namespace guildhall::app
