"""The APIs' wire formats, read tolerantly: one file per API, and what they share.

P  `tolerant`     typed reads from untyped JSON that never raise
P  `sse`          a stream of bytes → server-sent events, however it is cut
P  `chat`         /v1/chat/completions
P  `completions`  /v1/completions
P  `responses`    /v1/responses
P  `messages`     Anthropic's /v1/messages
P  `embeddings`   /v1/embeddings: whether there are vectors
"""
