WHO = 'second'
