#pragma once

#include <filesystem>

namespace guildhall::app {

/// Keeps a data folder for one process: two that write the same SQLite files would not see what the other has cached.
/// The operating system gives the lock back when the process ends, however it ends.
class DataFolderLock {
public:
    /// Makes the folder when it is missing. Throws std::runtime_error when another process holds the folder, or when it
    /// cannot be written.
    explicit DataFolderLock(const std::filesystem::path& folder);
    ~DataFolderLock();
    DataFolderLock(const DataFolderLock&) = delete;
    DataFolderLock& operator=(const DataFolderLock&) = delete;

private:
    int file_;
};

}  // namespace guildhall::app
