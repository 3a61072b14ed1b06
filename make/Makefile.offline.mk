

# Makefile.offline.mk: docker-offline for a project's own Makefile (GNU make 3.81 and later).
#
#     include path/to/Makefile.offline.mk        or
#     cat Makefile.offline.mk >> Makefile
#
# It defines offline-* targets, <service>-offline-build and variables that begin with
# docker_offline_; nothing else. The default goal stays what it was.
#
#   CACHE_DIR              the bundle folder (build-cache)
#   OFFLINE_ARCHIVE        the archive to write, or to read where there is no bundle folder
#   OFFLINE_VERSION        one more tag for what is built
#   OFFLINE_COMPOSE_FILES  Compose files, separated by spaces
#   OFFLINE_FLAGS          more flags, passed on as they are
#
# Recipes follow a semicolon and not a tab, so that a Makefile with its own .RECIPEPREFIX can
# carry them; the two empty lines above end whatever the last line of that Makefile left open.

ifndef docker_offline_included
docker_offline_included := 1
docker_offline_default_goal := $(.DEFAULT_GOAL)

docker_offline_quote = '$(subst ','\'',$(1))'
docker_offline_files = $(foreach docker_offline_file,$(OFFLINE_COMPOSE_FILES),-f $(call docker_offline_quote,$(docker_offline_file)))
docker_offline_option = $(if $(strip $(2)),$(1) $(call docker_offline_quote,$(strip $(2))))

# $(1) is the command. Leaves its words in the shell's "$@": the plugin where docker finds it,
# the binary of the same purpose on PATH otherwise. For a plugin it does not know, docker prints
# its own help and exits with 0, so the text decides.
docker_offline_command = \
	if docker offline --help 2>/dev/null | grep -q 'docker.offline'; then set -- docker offline $(1); \
	elif command -v docker-offline-$(1) >/dev/null 2>&1; then set -- docker-offline-$(1); \
	else \
		echo "error: neither 'docker offline' nor docker-offline-$(1) can be found" >&2; \
		echo "hint: run install.sh from the folder the archive came in, or 'make install' in a clone of docker-offline" >&2; \
		exit 127; \
	fi;

# Adds the bundle to "$@": CACHE_DIR, or the usual folder where it exists, else the archive that
# was named, else nothing, and the command looks for one by itself.
docker_offline_bundle = set -- "$$@" $(call docker_offline_option,--cache-dir,$(CACHE_DIR)); \
	if [ -e $(call docker_offline_quote,$(docker_offline_folder)/oci-layout) ]; then $(if $(strip $(CACHE_DIR)),:,set -- "$$@" --bundle $(call docker_offline_quote,$(docker_offline_folder))); \
	$(if $(filter-out none,$(strip $(OFFLINE_ARCHIVE))),else set -- "$$@" $(call docker_offline_option,--bundle,$(OFFLINE_ARCHIVE));) \
	fi;
docker_offline_folder = $(if $(strip $(CACHE_DIR)),$(strip $(CACHE_DIR)),build-cache)

# $(1) more words. Says what it runs, then becomes it.
docker_offline_exec = set -- "$$@" $(strip $(1)); echo "$$*" >&2; exec "$$@"

# $(1) flags, $(2) a service
docker_offline_build = @$(call docker_offline_command,build) $(docker_offline_bundle) \
	$(call docker_offline_exec,$(call docker_offline_option,--version,$(OFFLINE_VERSION)) $(docker_offline_files) $(1) $(OFFLINE_FLAGS) $(2))

# What docker offline build wrote for Compose is found by itself as compose.override.yaml, or
# named by COMPOSE_FILE. Where it is neither, it is added: Compose reads its default files only
# while none is named, so that they are named as it would have picked them.
# The bundle may lie beside the project, where a COPY would take it into an image.
docker_offline_beside = ../$(notdir $(CURDIR))-offline/build-cache
docker_offline_site = $(if $(strip $(CACHE_DIR))$(wildcard build-cache/oci-layout),$(docker_offline_folder),$(if $(wildcard $(docker_offline_beside)/oci-layout),$(docker_offline_beside),$(docker_offline_folder)))
docker_offline_overlay = $(call docker_offline_quote,$(docker_offline_site)/.site/compose.offline.yaml)
docker_offline_told = grep -qs '^\# Written by docker offline build' compose.override.yaml || \
	case "$${COMPOSE_FILE:-$$(sed -n 's/^COMPOSE_FILE=//p' .env 2>/dev/null)}" in *compose.offline.yaml*|*compose.stay.yaml*) ;; *) false ;; esac
docker_offline_default_files = \
	for f in compose.yaml compose.yml docker-compose.yml docker-compose.yaml; do \
		[ -f "$$f" ] && set -- "$$@" -f "$$f" && break; \
	done; \
	for f in compose.override.yml compose.override.yaml docker-compose.override.yml docker-compose.override.yaml; do \
		[ -f "$$f" ] && set -- "$$@" -f "$$f" && break; \
	done;
docker_offline_up = @set -- docker compose $(docker_offline_files); \
	if [ -f $(docker_offline_overlay) ] && $(if $(strip $(OFFLINE_COMPOSE_FILES)),:,! { $(docker_offline_told); }); then \
		$(if $(strip $(OFFLINE_COMPOSE_FILES)),,COMPOSE_FILE=$${COMPOSE_FILE:-$$(sed -n 's/^COMPOSE_FILE=//p' .env 2>/dev/null)}; \
		if [ -n "$$COMPOSE_FILE" ]; then \
			COMPOSE_FILE="$$COMPOSE_FILE$${COMPOSE_PATH_SEPARATOR:-:}"$(docker_offline_overlay); export COMPOSE_FILE; \
		else $(docker_offline_default_files)) \
		set -- "$$@" -f $(docker_offline_overlay); \
		$(if $(strip $(OFFLINE_COMPOSE_FILES)),,fi;) \
	fi; \
	$(call docker_offline_exec,up -d --build)

.PHONY: offline-export offline-setup offline-build offline-build-classic offline-diagnose offline-up offline-help docker-offline-always

# A Makefile may work with another shell; these recipes are written for sh.
offline-export offline-setup offline-build offline-build-classic offline-diagnose offline-up offline-help %-offline-build: SHELL := /bin/sh
offline-export offline-setup offline-build offline-build-classic offline-diagnose offline-up offline-help %-offline-build: .SHELLFLAGS := -c

offline-export: ; @$(call docker_offline_command,export) \
	$(call docker_offline_exec,$(call docker_offline_option,--cache-dir,$(CACHE_DIR)) $(call docker_offline_option,--archive,$(OFFLINE_ARCHIVE)) $(docker_offline_files) $(OFFLINE_FLAGS))

offline-setup: ; $(call docker_offline_build,--setup)

offline-build: ; $(call docker_offline_build)

offline-build-classic: ; $(call docker_offline_build,--classic)

%-offline-build: docker-offline-always ; $(call docker_offline_build,,$(call docker_offline_quote,$*))

offline-diagnose: ; @$(call docker_offline_command,diagnose) $(docker_offline_bundle) \
	$(call docker_offline_exec,$(docker_offline_files) $(OFFLINE_FLAGS))

offline-up: ; $(docker_offline_up)

docker-offline-always: ;

define docker_offline_help_text
docker-offline: a Compose project without a network / 无网络环境下的 Compose 项目

connected / 联网机器
  make offline-export         carry out what builds and runs need / 导出构建和运行所需的一切

air-gapped / 离线机器
  make offline-diagnose       what is missing, before anything hangs / 检查缺少什么
  make offline-setup          load the images and stop / 只加载镜像
  make offline-build          load, warm the cache, build, tag / 加载、预热缓存、构建、打标签
  make offline-build-classic  the same with the classic builder / 使用传统构建器
  make NAME-offline-build     one service only / 只构建一个服务
  make offline-up             docker compose up -d --build / 构建并启动

variables / 变量
  CACHE_DIR              bundle folder / 缓存目录 (build-cache)
  OFFLINE_ARCHIVE        archive to write or read / 压缩包
  OFFLINE_VERSION        one more tag / 附加版本标签
  OFFLINE_COMPOSE_FILES  Compose files, by spaces / Compose 文件，空格分隔
  OFFLINE_FLAGS          further flags / 其他参数
endef

offline-help: ; $(info $(docker_offline_help_text)) @:

# Empty where no target came before: then the first target after this file is the default one.
.DEFAULT_GOAL := $(docker_offline_default_goal)
endif
