#pragma once

#include "platform/service/base.hpp"
#include "platform/service/module.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/connection/public/network.hpp"
#include "services/post/comment_service.hpp"
#include "services/post/comment_store.hpp"
#include "services/post/count_store.hpp"
#include "services/post/feed.hpp"
#include "services/post/import_store.hpp"
#include "services/post/importer.hpp"
#include "services/post/internal_routes.hpp"
#include "services/post/post_options.hpp"
#include "services/post/post_reader.hpp"
#include "services/post/post_service.hpp"
#include "services/post/post_store.hpp"
#include "services/post/public/posts.hpp"
#include "services/post/purger.hpp"
#include "services/post/reaction_service.hpp"
#include "services/post/reaction_store.hpp"
#include "services/post/timelines.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::post {

/// The post service of this process.
class Module final : public service::Module {
public:
    /// What it needs of other services.
    struct Needs {
        user::Directory& directory;
        connection::Network& network;
        connection::Degrees& degrees;
    };
    Module(const service::Base& base, Needs needs, const Options& options);

    static service::Definition definition();

    void add_routes(http::Router& router) override;
    void add_internal_routes(http::Router& router, const http::InternalTokens& tokens) override;
    void add_consumers(outbox::Bindings& consumers) override;
    /// Removes what deleted posts have left behind.
    Task<void> maintain() override;

    /// What other services may ask.
    Posts& posts() { return reader_; }
    /// For import.
    Importer& importer() { return importer_; }
    /// For tests and for callers in this process: what the routes call.
    PostService& post_service() { return post_service_; }
    ReactionService& reaction_service() { return reaction_service_; }
    CommentService& comment_service() { return comment_service_; }

private:
    PostStore posts_;
    CountStore counts_;
    ReactionStore reactions_;
    CommentStore comments_;
    ImportStore imports_;
    PostReader reader_;
    Timelines timelines_;
    Feed feed_;
    PostService post_service_;
    ReactionService reaction_service_;
    CommentService comment_service_;
    Importer importer_;
    Purger purger_;
    InternalApi internal_;
};

}  // namespace guildhall::post
