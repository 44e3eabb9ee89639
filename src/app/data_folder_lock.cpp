#include "app/data_folder_lock.hpp"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace guildhall::app {

DataFolderLock::DataFolderLock(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    const auto path = folder / "lock";
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), path.string());
    if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
    const int reason = errno;
    ::close(file_);
    if (reason != EWOULDBLOCK) throw std::system_error(reason, std::generic_category(), path.string());
    throw std::runtime_error("the data folder " + folder.string() +
                             " is in use by another guildhall process (serve or import); end it first");
}

DataFolderLock::~DataFolderLock() { ::close(file_); }

}  // namespace guildhall::app
