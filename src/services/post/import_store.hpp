#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "platform/sql/database.hpp"

namespace guildhall::post {

/// The SQL of what has been imported. All of it is part of the caller's transaction. Thread-safe; throws Unavailable.
class ImportStore {
public:
    /// Which of `keys` are imported already, with the id that was made.
    Task<std::vector<std::pair<std::int64_t, std::int64_t>>> list(sql::Transaction& tx, sql::Ids keys);
    Task<void> insert(sql::Transaction& tx, std::int64_t key, std::int64_t id);
    /// Which of `ids` are taken by posts.
    Task<sql::Ids> list_taken_post_ids(sql::Transaction& tx, sql::Ids ids);
    /// Which of `ids` are taken by comments.
    Task<sql::Ids> list_taken_comment_ids(sql::Transaction& tx, sql::Ids ids);
};

}  // namespace guildhall::post
