#pragma once

#include <cstddef>
#include <vector>

#include "platform/http/router.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/public/network.hpp"
#include "services/post/comment_service.hpp"
#include "services/post/feed.hpp"
#include "services/post/importer.hpp"
#include "services/post/internal_routes.hpp"
#include "services/post/post_reader.hpp"
#include "services/post/post_service.hpp"
#include "services/post/post_store.hpp"
#include "services/post/public/posts.hpp"
#include "services/post/reaction_service.hpp"
#include "services/post/timelines.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::post {

/// How much is kept in memory at most.
struct Options {
    std::size_t max_post_bytes = 128 << 20;
    std::size_t max_timeline_bytes = 32 << 20;
    std::size_t max_reaction_bytes = 16 << 20;
    std::size_t max_readers = 20'000;  // of whom the first stretch of the feed is kept, up to 3 KiB each
};

/// The post service, made from what it needs. Only app/ makes one.
class Module {
public:
    /// What it stands on; all of it outlives the module.
    struct Ports {
        sql::Database& database;
        IdGenerator& ids;
        const Clock& clock;
        outbox::Outbox& outbox;
        outbox::Consumers& consumers;
        user::Directory& directory;
        connection::Network& network;
        cache::Coherence& coherence;
    };

    explicit Module(Ports ports, Options options = {});
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// Adds the routes of posts, reactions, comments and the feed.
    void add_routes(http::Router& router);
    /// Binds the routes of this service for documents only: none of them can be called.
    static void describe_routes(http::Router& router);
    /// Binds what other processes ask of it, for those who hold one of `tokens`.
    void add_internal_routes(http::Router& router, const http::InternalTokens& tokens);

    /// What other services may ask.
    Posts& posts() { return reader_; }
    /// For `guildhall import`.
    Importer& importer() { return importer_; }
    /// For tests and for callers in this process: what the routes call.
    PostService& post_service() { return post_service_; }
    ReactionService& reaction_service() { return reaction_service_; }
    CommentService& comment_service() { return comment_service_; }

    /// Removes what deleted posts have left behind, and once an hour what is old enough: idempotency keys, inbox rows.
    /// Call every few seconds, never twice at once.
    Task<void> maintain();

    /// The schema: the platform's tables first.
    static std::vector<sql::Migration> migrations();

private:
    void add_consumers(outbox::Consumers& consumers);
    Task<void> purge();

    Ports ports_;
    PostStore store_;
    PostReader reader_;
    Timelines timelines_;
    Feed feed_;
    PostService post_service_;
    ReactionService reaction_service_;
    CommentService comment_service_;
    Importer importer_;
    InternalApi internal_;
    Time pruned_at_{};
};

}  // namespace guildhall::post
