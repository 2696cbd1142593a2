WHO = 'first'
