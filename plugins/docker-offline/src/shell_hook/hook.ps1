# docker-offline: docker offline-export, docker offline-build, docker offline-diagnose
function docker {
    $before = @()
    $rest = @($args)
    $valued = '--config', '--context', '--host', '--log-level', '--tlscacert', '--tlscert', '--tlskey', '-c', '-H', '-l', '-Dc', '-DH', '-Dl'
    while ($rest.Count -gt 0) {
        $word = "$($rest[0])"
        if ($valued -ccontains $word) {
            $before += @($rest | Select-Object -First 2)
            $rest = @($rest | Select-Object -Skip 2)
        } elseif ($word.StartsWith('-') -or 'help', '__complete', '__completeNoDesc' -ccontains $word) {
            $before += $rest[0]
            $rest = @($rest | Select-Object -Skip 1)
        } else {
            if ('offline-export', 'offline-build', 'offline-diagnose' -ccontains $word) {
                $rest = @('offline', $word.Substring(8)) + @($rest | Select-Object -Skip 1)
            }
            break
        }
    }
    $program = (Get-Command docker -CommandType Application | Select-Object -First 1).Source
    if ($MyInvocation.ExpectingInput) { $input | & $program @before @rest } else { & $program @before @rest }
}
